#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two homes behind gateways that map ports, and a public network between them, with the real node:
# it joins by one address, finds and is found, and comes back after router, network and everybody
# have gone. Nothing but 11.0.0.0/8 is public here, inside these namespaces alone.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
TALLY=${TALLY:-${TALLY_BUILD:-build}/tally}
. "$here/lab.sh"
lab_need ip nft miniupnpd python3
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# `ns` uses n, so that loops here count with k.
# ---- The networks: a switch for the public one, homes 1 and 2, servers 3, 4 and 5. ----
lab_ns net
lab_bridge net br0
public() {                                                # NS IF N: on the public network
  lab_link net "p$3" "$1" "$2"; lab_port net br0 "p$3"; lab_addr "$1" "$2" "11.$3.0.1/8"
}
for k in 3 4 5; do lab_ns "h$k"; public "h$k" eth0 $k; done
for k in 1 2; do
  lab_ns "gw$k" "h$k"
  public "gw$k" wan $k
  lab_link "gw$k" lan "h$k" eth0
  lab_addr "gw$k" lan "10.$k.0.1/24"; lab_addr "h$k" eth0 "10.$k.0.11/24"
  ip -n "$LAB-h$k" route add default via "10.$k.0.1"
  ns "gw$k" sysctl -qw net.ipv4.ip_forward=1
  ns "gw$k" nft -f - <<NFT
table inet filter {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname lan oifname wan accept
    jump miniupnpd
  }
  chain miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain postrouting {
    type nat hook postrouting priority 100;
    jump postrouting_miniupnpd
    oifname wan masquerade
  }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
}
NFT
  cat > "$LAB_DIR/upnpd$k.conf" <<CONF
ext_ifname=wan
listening_ip=lan
enable_natpmp=yes
enable_upnp=no
secure_mode=yes
min_lifetime=2
max_lifetime=86400
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
system_uptime=no
allow 1024-65535 10.$k.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
CONF
done
# What has no business on the public network is counted there.
ns net nft -f - <<NFT
table bridge watch {
  counter private { }
  chain forward {
    type filter hook forward priority 0;
    ip daddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16 } \
      counter name private
  }
}
NFT

# ---- Nodes and gateways. ----
end_of() {                                                # PID [SIGNAL]
  kill "-${2:-TERM}" "$1" 2>/dev/null || :; wait "$1" 2>/dev/null || :
  LAB_PIDS=$(for p in $LAB_PIDS; do [ "$p" = "$1" ] || printf ' %s' "$p"; done)
}
gateway_start() {
  ns_bg "gw$1" miniupnpd -d -f "$LAB_DIR/upnpd$1.conf" -P "$LAB_DIR/upnpd$1.pid" \
    >>"$LAB_DIR/upnpd$1.log" 2>&1
  eval "GW$1=\$!"
}
gateway_stop() {                                          # and it forgets, as a router does
  eval "end_of \$GW$1"
  ns "gw$1" nft flush chain inet filter prerouting_miniupnpd
  ns "gw$1" nft flush chain inet filter miniupnpd
}
node_start() {                                            # N OPTION...
  k=$1; shift
  ns_bg "h$k" "$TALLY" run --data "$LAB_DIR/n$k" --min-free 0 "$@" >>"$LAB_DIR/n$k.log" 2>&1
  eval "NODE$k=\$!"
}
node_stop() { eval "end_of \$NODE$1 ${2:-TERM}"; }
ask() { k=$1; shift; "$TALLY" "$@" --data "$LAB_DIR/n$k"; }
is() {                                                    # N VERB PYTHON: of the JSON answer `a`
  ask "$1" $2 --json | python3 -c "import json, sys; a = json.load(sys.stdin); sys.exit(not ($3))"
}
shown() {                                                 # N MEMBER: of node show
  ask "$1" node show --json | python3 -c "import json, sys; print(json.load(sys.stdin)['$2'])"
}
append() { echo "$2" | ask "$1" append --namespace zoo --lines - >/dev/null; }
holds() { ask "$1" log list | grep -q "^ *$3 .*$2.*zoo"; } # N DID-END SIZE
linked() {
  is "$1" peers "any(p['peer_id'] == '$2' and p['state'] == 'linked' for p in a['items'])"
}

gateway_start 1; gateway_start 2
node_start 3 --profile server
until_ok 10 ask 3 status
first=/ip4/11.3.0.1/udp/4001                              # no key: who answers there is pinned
node_start 4 --profile server --bootstrap $first
node_start 5 --profile server --bootstrap $first
node_start 1 --bootstrap $first
node_start 2 --bootstrap $first
for k in 1 2 4 5; do
  ok "node $k joins by one address" until_ok 15 is $k status "a['links'] >= 2"
done
one=$(shown 1 node); two=$(shown 2 node); id1=$(shown 1 peer_id); id2=$(shown 2 peer_id)

# ---- Behind both gateways: mapped, reached, federating. ----
append 1 hello
ok 'a receipt from home 1 is in home 2' until_ok 20 holds 2 "$one" 1
mapped="any(o['source'] == 'mapped' for o in a['addresses'])"
ok 'home 1 has a mapped port' until_ok 20 is 1 status "$mapped"
ok 'and home 2' until_ok 20 is 2 status "$mapped"
ok 'the homes are linked' until_ok 30 linked 1 "$id2"

# ---- Found in the DHT. ----
ok 'find peer' until_ok 20 ask 5 find peer "$id1"
ok 'find namespace' until_ok 20 ask 4 find namespace zoo
nobody=12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA
ok 'who is not there is not found' sh -c \
  "! $TALLY find peer $nobody --data $LAB_DIR/n4"

# ---- The router of home 1 begins anew. ----
# It must have run for longer than the two seconds by which its clock may be off (RFC 6886 3.6).
sleep 3
gateway_stop 1
start=$(now_ms)
gateway_start 1
ok 'mapped again' until_ok 20 sh -c "ip netns exec $LAB-gw1 nft list chain inet filter \
  prerouting_miniupnpd | grep -q 4001"
echo "info mapped again after $(($(now_ms) - start)) ms"
append 1 again
ok 'and receipts pass again' until_ok 20 holds 2 "$one" 2

# ---- The cable of home 2 is out, and in again. ----
ip -n "$LAB-gw2" link set wan down
append 1 apart; append 2 alone
sleep 5
ok 'apart' not holds 2 "$one" 3
ip -n "$LAB-gw2" link set wan up
start=$(now_ms)
ok 'healed: home 2 has what home 1 wrote' until_ok 90 holds 2 "$one" 3
ok 'and the other way' until_ok 30 holds 1 "$two" 1
echo "info healed after $(($(now_ms) - start)) ms"

# ---- Everybody goes and comes back, and nobody is told of anybody. ----
for k in 1 2 3 4 5; do node_stop $k; done
node_start 4 --profile server; node_start 5 --profile server
node_start 1; node_start 2
for k in 1 2; do
  ok "node $k is back without the first one" until_ok 60 is $k status "a['links'] >= 2"
done
append 2 back
ok 'receipts pass' until_ok 30 holds 1 "$two" 2

private=$(ns net nft list counter bridge watch private | sed -n 's/.*packets \([0-9]*\).*/\1/p')
ok "packets to private networks on the public one: $private" [ "$private" = 0 ]
exit "$LAB_FAILED"
