#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What tally doctor and tally status say behind gateways of every kind: each has its code.
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
gateway_up() { ns gw ss -lun | grep -q ':5351 '; }
ask() { ns in1 "$TALLY" "$@" --data "$LAB_DIR/node-in1"; }
doctor() { ask doctor --quick "$@" || :; }
tells() { doctor | grep -q "$1" || { doctor; return 1; }; }
tells_not() { ! doctor | grep -q "$1" || { doctor; return 1; }; }

# behind NAME CODE [GATEWAY-WORD...]: that code is told, and no other of a NAT.
behind() {
  name=$1 code=$2; shift 2
  log_clear in1
  [ $# = 0 ] || { gateway_start "$@"; ok 'gateway' until_ok 5 gateway_up; }
  node_start in1 --profile auto
  ok "$name: $code" until_ok 8 tells "^$code  advice"
  ok "$name: no other" [ "$(doctor | grep -c '^E_NAT_')" = 1 ]
  ok "$name: it is advice, nothing must be done" ask doctor --quick
  ok "$name: the log has the code, once" said_times in1 1 "code=$code "
  ok "$name: JSON" sh -c "$(command -v ip) netns exec $LAB-in1 $TALLY doctor --quick --json \
    --data $LAB_DIR/node-in1 | grep -q '\"code\":\"$code\"'"
  node_stop in1
  [ $# = 0 ] || end_of "$GATEWAY" || :
}
behind 'a gateway that maps nothing' E_NAT_NOMAP
behind 'a gateway that refuses' E_NAT_NOMAP 10.9.0.1 11.0.0.1 pcp refuse
behind 'another home NAT' E_NAT_DOUBLE 10.9.0.1 192.168.1.7 pcp
behind 'the NAT of the provider' E_NAT_CGNAT 10.9.0.1 100.64.0.7 natpmp

gateway_start 10.9.0.1 11.0.0.1 pcp
ok 'gateway' until_ok 5 gateway_up
log_clear in1
node_start in1 --profile auto
ok 'a good gateway: who mapped, and what' until_ok 8 tells '/ip4/11.0.0.1/udp/4001  mapped by pcp'
ok 'a good gateway: our own address' tells '/ip4/10.9.0.11/udp/4001  of an interface, for neighb'
ok 'a good gateway: for streams too' tells '/ip4/11.0.0.1/tcp/4001  mapped by pcp'
ok 'a good gateway: its address' \
  tells 'gateway 10.9.0.1, outside /ip4/11.0.0.1/.*mapping held by pcp'
ok 'a good gateway: no finding' tells_not '^E_NAT_'
ok 'a good gateway: status has it too' sh -c "$TALLY status --data '$LAB_DIR/node-in1' |
  grep -q '/ip4/11.0.0.1/udp/4001  mapped by pcp'"
ok 'a good gateway: the log says so' \
  said in1 'text="mapped port: seen from outside at 11.0.0.1:4001"'
node_stop in1
end_of "$GATEWAY" || :

# ---- No gateway at all, and no network. ----
ip -n "$LAB-in1" route del default
log_clear in1
node_start in1 --profile auto
ok 'no default route: nothing is said of a NAT' until_ok 8 said in1 'no-lease error=UNREACHABLE'
ok 'no default route: nor by doctor' tells_not '^E_NAT_'
ip -n "$LAB-in1" link set eth0 down
ip -n "$LAB-in1" addr flush dev eth0
ok 'no cable: it is said, and must be mended' until_ok 5 tells '^E_NO_NETWORK  error'
node_stop in1
exit $LAB_FAILED
