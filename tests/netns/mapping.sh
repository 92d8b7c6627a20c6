#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The real node behind a real home gateway (miniupnpd over nftables): its port is mapped by PCP and
# by NAT-PMP, strangers get through, and a gateway that forgot is asked again within 5 s.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/home.sh"
home_alone "$0"
. "$here/lab.sh"
lab_need ip nft miniupnpd python3 unshare
home_up

# Dials the outer address by TCP: a node speaks first as multistream wants it.
reach_tcp() { ns out python3 "$here/talk.py" tcp 11.0.0.1 "$1"; }
append() {
  seq -f "$1 %g" 20 | "$TALLY" append --data "$LAB_DIR/node-in1" --namespace story --lines -
}
arrived() {
  "$TALLY" log list --data "$LAB_DIR/node-out" --json | python3 "$here/talk.py" size story "$1"
}

story() {                                                 # NAME PROTOCOL, as miniupnpd logs it
  log_clear in1; : >"$LAB_DIR/upnpd.log"
  ok "$1: closed before" not reach_tcp 4001
  start=$(now_ms)
  node_start in1 --profile auto
  ok "$1: both transports mapped" until_ok 10 both_mapped 4001 10.9.0.11
  echo "     after $(($(now_ms) - start)) ms, the start of the node included"
  ok "$1: and by that protocol" grep -q "$2" "$LAB_DIR/upnpd.log"
  ok "$1: the log says so" until_ok 5 said in1 'leased address=11.0.0.1:4001 udp=4001 tcp=4001'
  ok "$1: a stranger gets in by TCP" until_ok 5 reach_tcp 4001

  node_start out --profile static --peer "/ip4/11.0.0.1/udp/4001/p2p/$(node_id in1)"
  ok "$1: a stranger links by UDP" until_ok 10 said out msg=linked
  append "$1" >/dev/null
  ok "$1: and fetches by TCP" until_ok 20 arrived 20

  # F19: the gateway forgets its mappings, and its clock begins anew.
  upnpd_stop
  ok "$1: lost by the restart" not reach_tcp 4001
  sleep 2
  start=$(now_ms)
  upnpd_start
  ok "$1: mapped again within 5 s" until_ok 5 both_mapped 4001 10.9.0.11
  echo "     F19: mapping back after $(($(now_ms) - start)) ms"
  ok "$1: and open again" until_ok 2 reach_tcp 4001

  start=$(now_ms)
  node_stop out
  node_stop in1
  echo "     stopped in $(($(now_ms) - start)) ms"
  ok "$1: given back at the end" none_mapped
  ok "$1: closed again" not reach_tcp 4001
  rm -rf "$LAB_DIR/node-out" "$LAB_DIR/node-in1"
}

upnpd_start
story PCP 'PCP MAP: added mapping'

# A node that died comes back while the gateway still holds its mapping.
node_start in1 --profile auto
ok 'killed: mapped' until_ok 10 both_mapped 4001 10.9.0.11
node_stop in1 KILL
ok 'killed: still mapped' both_mapped 4001 10.9.0.11
log_clear in1
node_start in1 --profile auto
ok 'killed: mapped again at once' until_ok 5 said in1 'udp=4001 tcp=4001'

# Another host that wants the same port gets another one, for both transports.
node_start in2 --profile auto
ok 'second host: another port' until_ok 5 both_mapped 4002 10.9.0.12
ok 'second host: the log says so' until_ok 5 said in2 'udp=4002 tcp=4002'
ok 'second host: open' until_ok 5 reach_tcp 4002
node_stop in2
node_stop in1
ok 'both given back' none_mapped

# Only profile auto asks.
for profile in lan server static; do
  node_start in1 --profile $profile
  sleep 1
  node_stop in1
  ok "profile $profile maps nothing" none_mapped
done

# As under systemd's ProcSubset=pid, where /proc/net/route is hidden. Only root may mount so.
if ns in1 unshare -m sh -c 'mount -t proc -o subset=pid proc /proc' 2>/dev/null; then
  ns_bg in1 unshare -m sh -c 'mount -t proc -o subset=pid proc /proc && exec "$@"' sh \
    "$TALLY" run --data "$LAB_DIR/hidden" --min-free 0 --profile auto >"$LAB_DIR/hidden.log" 2>&1
  hidden=$!
  ok 'without /proc/net: mapped' until_ok 10 both_mapped 4001 10.9.0.11
  end_of $hidden
  ok 'without /proc/net: given back' until_ok 2 none_mapped
else
  echo 'skip without /proc/net: no right to mount proc'
fi

# IPv6 needs no mapping, but a way in through the gateway's firewall, which PCP opens.
lab_addr gw lan 2a0f:0:0:9::1/64; ip -n "$LAB-gw" addr add fe80::1/64 dev lan
lab_addr gw wan 2a0f:0:0:8::1/64; lab_addr out eth0 2a0f:0:0:8::2/64
lab_addr in1 eth0 2a0f:0:0:9::11/64
ip -n "$LAB-in1" -6 route add default via fe80::1 dev eth0
ip -n "$LAB-out" -6 route add default via 2a0f:0:0:8::1
ns gw sysctl -qw net.ipv6.conf.all.forwarding=1
upnpd_stop; upnpd_start
reach6() { ns out python3 "$here/talk.py" tcp 2a0f:0:0:9::11 4001; }
log_clear in1
node_start in1 --profile static
ok 'IPv6: closed before' not reach6
node_stop in1
node_start in1 --profile auto
ok 'IPv6: let in' until_ok 5 said in1 'leased address=\[2a0f:0:0:9::11\]:4001 udp=4001 tcp=4001'
ok 'IPv6: a stranger gets in' until_ok 5 reach6
ok 'IPv6: IPv4 is mapped beside it' until_ok 5 both_mapped 4001 10.9.0.11
node_stop in1
ok 'IPv6: closed again' not reach6
ip -n "$LAB-in1" addr del 2a0f:0:0:9::11/64 dev eth0

# A gateway that is silent to PCP: version 2 is dropped before the daemon sees it.
ns gw nft add rule inet filter input udp dport 5351 @th,64,8 2 drop
rm -rf "$LAB_DIR/node-in1"
story NAT-PMP 'NAT-PMP port mapping request'
exit $LAB_FAILED
