#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The real node and gateways that are silent, refuse, are behind another NAT, or are not the one who
# answers first.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/home.sh"
home_alone "$0"
. "$here/lab.sh"
lab_need ip nft python3 unshare
home_up

gateway_start() {
  ns_bg gw python3 "$here/gateway.py" "$@" >"$LAB_DIR/gateway.log" 2>&1
  GATEWAY=$!
}
gateway_stop() { end_of "$GATEWAY" || :; }
gateway_up() { ns gw ss -lun | grep -q ':5351 '; }
asked() { grep -q "$1" "$LAB_DIR/gateway.log" || { cat "$LAB_DIR/gateway.log"; return 1; }; }
asked_times() {
  [ "$(grep -c "$2" "$LAB_DIR/gateway.log")" -le "$1" ] || { cat "$LAB_DIR/gateway.log"; return 1; }
}
requests() {                                              # that reached the gateway since the last
  ns gw nft reset counter inet filter asked | sed -n 's/.*packets \([0-9]*\).*/\1/p'
}
ns gw nft add counter inet filter asked
ns gw nft add rule inet filter input udp dport 5351 counter name asked

# ---- Nobody maps ports. ----
quiet() {                                                 # NAME ERROR
  log_clear in1; requests >/dev/null
  node_start in1 --profile auto
  ok "$1: one sentence" until_ok 8 said in1 "msg=no-lease error=$2 text=\"no gateway maps our port"
  sleep 3
  ok "$1: and no other" said_times in1 1 lease
  n=$(requests)
  ok "$1: $n requests, then quiet" [ "$n" -le 6 ]
  start=$(now_ms)
  node_stop in1
  took=$(($(now_ms) - start))
  ok "$1: it ends at once ($took ms)" [ "$took" -le 500 ]
}
quiet 'nobody listens there' TIMED_OUT
ns gw nft add chain inet filter dropped '{ type filter hook input priority 10; }'
ns gw nft add rule inet filter dropped udp dport 5351 drop
quiet 'a silent gateway' TIMED_OUT
ns gw nft flush chain inet filter dropped
ip -n "$LAB-in1" route del default
quiet 'no default route' UNREACHABLE
ip -n "$LAB-in1" route add default via 10.9.0.1
gateway_start 10.9.0.1 11.0.0.1 pcp refuse
ok 'gateway' until_ok 5 gateway_up
quiet 'a refusal' REFUSED
gateway_stop

# ---- Another NAT is behind it; it knows NAT-PMP alone and says so. ----
log_clear in1
gateway_start 10.9.0.1 100.64.0.7 natpmp
ok 'gateway' until_ok 5 gateway_up
node_start in1 --profile auto
ok 'double NAT: the mapping is made' until_ok 5 asked 'natpmp tcp 4001 4001 7200'
ok 'double NAT: at once, PCP was not known' asked_times 1 'pcp unknown'
ok 'double NAT: it is named' until_ok 5 said in1 \
  'msg=behind-another-nat address=100.64.0.7:4001 text="behind another NAT: .*E_NAT_CGNAT '
sleep 1
ok 'double NAT: once' said_times in1 1 behind-another-nat
node_stop in1
ok 'double NAT: given back' asked 'natpmp udp 4001 0 0'
gateway_stop

# ---- Answers that end before they should: libnatpmp would read on. ----
log_clear in1
gateway_start 10.9.0.1 11.0.0.1 natpmp short
ok 'gateway' until_ok 5 gateway_up
node_start in1 --profile auto
ok 'short answers: asked' until_ok 5 asked 'natpmp address'
ok 'short answers count as none' until_ok 8 said in1 'no-lease error=TIMED_OUT'
node_stop in1
gateway_stop

# ---- Another host hears all, and answers first. ----
ns sw ip link set lan type bridge ageing_time 0           # A hub: what is for one goes to all.
for protocol in pcp natpmp; do
  log_clear in1
  gateway_start 10.9.0.1 11.0.0.1 $protocol late
  ns_bg in2 python3 "$here/liar.py" eth0 10.9.0.12 10.9.0.1 10.9.0.11 >"$LAB_DIR/liar.log" 2>&1
  LIAR=$!
  ok 'gateway' until_ok 5 gateway_up
  node_start in1 --profile auto
  ok "$protocol, a liar answers first: the gateway is believed" until_ok 5 said in1 \
    'leased address=11.0.0.1:4001 udp=4001 tcp=4001'
  ok "$protocol: and the liar did answer" until_ok 5 grep -q 'lied to' "$LAB_DIR/liar.log"
  requests >/dev/null
  sleep 5
  ok "$protocol: nothing it says is believed" sh -c "! grep -q '6\.6\.6\.6' $LAB_DIR/in1.log"
  ok "$protocol: announcements take nothing away" sh -c "! grep -q unleased $LAB_DIR/in1.log"
  n=$(requests)
  # In the gateway's name it may make us ask: at most both transports, once a second; NAT-PMP asks
  # for the address too.
  ok "$protocol: 400 forged announcements in 5 s cost $n requests" [ "$n" -le 24 ]
  end_of $LIAR || :
  node_stop in1
  gateway_stop
done
ns sw ip link set lan type bridge ageing_time 30000

# ---- IPv6: the gateway lets traffic in; only its link-local address is known. ----
log_clear in1
lab_addr in1 eth0 2a0f:0:0:9::11/64
lab_addr gw lan 2a0f:0:0:9::1/64
ip -n "$LAB-gw" addr add fe80::1/64 dev lan
ip -n "$LAB-in1" -6 route add default via fe80::1 dev eth0
gateway_start ::1 2a0f:0:0:9::11 pcp
ok 'gateway' until_ok 5 gateway_up
node_start in1 --profile auto
ok 'IPv6: let in' until_ok 5 said in1 'leased address=\[2a0f:0:0:9::11\]:4001 udp=4001 tcp=4001'
node_stop in1
ok 'IPv6: given back' asked 'pcp tcp 4001 0 0'
gateway_stop
exit $LAB_FAILED
