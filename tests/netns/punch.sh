#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two nodes, each behind a NAT of its own that nobody opens, and three public ones in three
# networks. The inner ones are introduced, meet, and exchange receipts, by datagrams and by a stream
# through both NATs. Nothing goes to a private address but on its own cable. Then one NAT gives each
# peer another port: no link, and it is said why.
set -eu
[ -n "${TALLY_LONG:-}" ] || { echo "skip: long; tools/test --long netns runs it"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
. "$here/home.sh"
home_alone "$0"
. "$here/lab.sh"
lab_need ip nft conntrack python3 unshare

# The world: a router between 11.0.0.0/24, 11.1.0.0/24, 11.2.0.0/24, with a public node in each,
# and 11.3.0.0/24, 11.4.0.0/24 with a NAT each. Behind those 10.3.0.0/24 and 10.4.0.0/24.
lab_ns world p0 p1 p2 gw3 gw4 in3 in4
for i in 0 1 2; do
  lab_link world w$i p$i eth0
  lab_addr world w$i 11.$i.0.254/24; lab_addr p$i eth0 11.$i.0.1/24
  ip -n "$LAB-p$i" route add default via 11.$i.0.254
done
for i in 3 4; do
  lab_link world w$i gw$i wan; lab_link gw$i lan in$i eth0
  lab_addr world w$i 11.$i.0.254/24; lab_addr gw$i wan 11.$i.0.1/24
  lab_addr gw$i lan 10.$i.0.1/24; lab_addr in$i eth0 10.$i.0.2/24
  ip -n "$LAB-gw$i" route add default via 11.$i.0.254
  ip -n "$LAB-in$i" route add default via 10.$i.0.1
  ns gw$i sysctl -qw net.ipv4.ip_forward=1
done
ns world sysctl -qw net.ipv4.ip_forward=1

nat() {                                                   # GATEWAY [OPTION of masquerade]
  ns "$1" nft flush ruleset
  ns "$1" nft -f - <<NFT
table inet home {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname lan oifname wan accept
  }
  chain input {
    type filter hook input priority 0;
    iifname wan ct state new drop
  }
  chain postrouting { type nat hook postrouting priority 100; oifname wan masquerade ${2:-}; }
}
NFT
  ns "$1" conntrack -F 2>/dev/null
}
# Counts what no node may send: in the world all that goes to private space, in a home what goes to
# private space that is not the home's own.
SPECIAL='10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 192.0.2.0/24,
  198.18.0.0/15, 198.51.100.0/24, 203.0.113.0/24, 240.0.0.0/4'
guard() {                                                 # NAMESPACE CHAIN-HOOK [OWN-SUBNET]
  ns "$1" nft -f - <<NFT
table inet guard {
  chain $2 {
    type filter hook $2 priority -10;
    ${3:+ip daddr $3 accept}
    ip daddr { $SPECIAL } counter
  }
}
NFT
}
# The newcomer's first three greetings are lost, and the first one that comes to meet it: else these
# alone open both NATs, and nobody needs to punch.
lost_at_first() {
  ns world nft -f - <<NFT
table inet loss
delete table inet loss
table inet loss {
  chain forward {
    type filter hook forward priority 0;
    ip saddr 11.4.0.1 ip daddr 11.3.0.1 udp dport 4001 quota until 3700 bytes drop
    ip saddr 11.3.0.1 ip daddr 11.4.0.1 udp dport 4001 quota until 1300 bytes drop
  }
}
NFT
}
strays() { ns "$1" nft list table inet guard | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'; }
quiet() {
  for n in world in3 in4 p0 p1 p2; do
    [ "$(strays $n)" = 0 ] || { echo "$n: $(strays $n) packets to private space"; return 1; }
  done
}
nat gw3; nat gw4
guard world prerouting
for i in 0 1 2; do guard p$i output; done
for i in 3 4; do guard in$i output 10.$i.0.0/24; done

peer_of() { echo "/ip4/$2/udp/4001/p2p/$(node_id "$1")"; }          # NODE ADDRESS
append() {                                                # NODE COUNT
  seq -f "$1 %g" "$2" |
    "$TALLY" append --data "$LAB_DIR/node-$1" --namespace "$1" --lines - >/dev/null
}
holds() {                                                 # NODE NAMESPACE COUNT
  "$TALLY" log list --data "$LAB_DIR/node-$1" --json | python3 "$here/talk.py" size "$2" "$3"
}
knows() {                                                 # NODE PEER NAME=VALUE...
  n=$1; peer=$(node_id "$2"); shift 2
  "$TALLY" peer list --data "$LAB_DIR/node-$n" --json | python3 "$here/talk.py" peer "$peer" "$@"
}
through_both() {                                          # a stream from the one to the other
  ns gw3 conntrack -L -p tcp 2>/dev/null |
    grep ESTABLISHED | grep -q 'src=10.3.0.2 dst=11.4.0.1 sport=4001 dport=4001'
}
publics() { for i in 0 1 2; do "$1" p$i; done; }
public_start() {
  known=''
  case $1 in
    p1) known="--peer $(peer_of p0 11.0.0.1)" ;;
    p2) known="--peer $(peer_of p0 11.0.0.1) --peer $(peer_of p1 11.1.0.1)" ;;
  esac
  node_start "$1" --profile server $known
}
inner_start() {                                           # as if they had never met
  rm -f "$LAB_DIR"/node-in?/peers.last
  log_clear in3; log_clear in4; lost_at_first
  known="--peer $(peer_of p0 11.0.0.1) --peer $(peer_of p1 11.1.0.1) --peer $(peer_of p2 11.2.0.1)"
  node_start in3 --profile auto $known
  start=$(now_ms)
  node_start in4 --profile auto $known --peer "$(peer_of in3 11.3.0.1)"
}

# ---- Two NATs as homes have them: one port for all peers, and nobody else is let in. ----
publics public_start
inner_start
ok 'cones: introduced, and met' until_ok 20 said in4 'msg=punched'
echo "     after $(($(now_ms) - start)) ms, the start of the node included"
ok 'cones: the one knows how' until_ok 5 knows in4 in3 state=linked path=punched
ok 'cones: the other too' until_ok 5 knows in3 in4 state=linked path=punched
ok 'cones: a stream leads through both NATs' until_ok 20 through_both
ok 'cones: the public ones were found reachable' said p0 'msg=reachable'
# Nobody in between is needed any more.
publics node_stop
append in3 30; append in4 40
ok 'cones: receipts cross one way' until_ok 30 holds in4 in3 30
ok 'cones: and the other' until_ok 30 holds in3 in4 40
node_stop in3; node_stop in4

# ---- No stream: the NATs let no SYN in, whoever sent one out. ----
for i in 3 4; do
  ns gw$i nft insert rule inet home forward iifname wan 'tcp flags & (syn | ack) == syn' drop
  ns gw$i conntrack -F 2>/dev/null
done
publics public_start
inner_start
ok 'no SYN: datagrams get through all the same' until_ok 20 said in4 'msg=punched'
ok 'no SYN: no stream, and that is said' until_ok 20 knows in4 in3 path=punched \
  connected=False 'stream_error=no answer in time'
node_stop in3; node_stop in4

# ---- One gives each peer another port. ----
nat gw4 fully-random
ns gw3 conntrack -F 2>/dev/null
inner_start
ok 'symmetric: named on its side' until_ok 60 knows in4 in3 path=none why_not_better=symmetric
sleep 20
ok 'symmetric: no link' not said in4 'msg=punched'
ok 'symmetric: nor on the other side' not said in3 'msg=punched'
node_stop in3; node_stop in4
publics node_stop

ok 'nothing went to private space' quiet
exit $LAB_FAILED
