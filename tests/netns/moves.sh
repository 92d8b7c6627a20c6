#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The network changes under a node that holds a port at the gateway: it comes late, gives another
# address, becomes another one, and goes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/home.sh"
home_alone "$0"
. "$here/lab.sh"
lab_need ip nft miniupnpd unshare
home_up
upnpd_start
default() { ip -n "$LAB-in1" route replace default via "$1"; }

ip -n "$LAB-in1" link set eth0 down
node_start in1 --profile auto
sleep 6
ok 'no network: nothing is said of gateways' said_times in1 0 lease
start=$(now_ms)
ip -n "$LAB-in1" link set eth0 up
sleep 1                                                   # The route may come after the address.
default 10.9.0.1
ok 'the network comes after the node: mapped' until_ok 5 both_mapped 4001 10.9.0.11
echo "     after $(($(now_ms) - start)) ms, 1 s of it without a route"

ip -n "$LAB-in1" addr del 10.9.0.11/24 dev eth0
lab_addr in1 eth0 10.9.0.13/24
default 10.9.0.1
ok 'another address: mapped' until_ok 5 both_mapped 4002 10.9.0.13
ok 'another address: the log says so' until_ok 5 said in1 'leased .* udp=4002 tcp=4002'

# A second home, with a gateway that knows NAT-PMP alone.
lab_ns gw2
lab_link sw p3 gw2 lan; lab_port sw lan p3
lab_addr gw2 lan 10.8.0.1/24
ns_bg gw2 python3 "$here/gateway.py" 10.8.0.1 11.0.0.77 natpmp >"$LAB_DIR/gateway.log" 2>&1
ok 'second gateway' until_ok 5 sh -c "ip netns exec $LAB-gw2 ss -lun | grep -q ':5351 '"
log_clear in1
ip -n "$LAB-in1" addr del 10.9.0.13/24 dev eth0
lab_addr in1 eth0 10.8.0.11/24
default 10.8.0.1
ok 'another network: mapped there' until_ok 5 said in1 'leased address=11.0.0.77:4002 .* tcp=4002'
ok 'another network: the old mappings are lost' said_times in1 2 'unleased address=11.0.0.1:4002'

log_clear in1
ip -n "$LAB-in1" link set eth0 down
ok 'the cable is pulled: lost' until_ok 2 said in1 'unleased address=11.0.0.77:4002 .*UNREACHABLE'
ok 'the cable is pulled: both' said_times in1 2 'msg=unleased'
ip -n "$LAB-in1" link set eth0 up
default 10.8.0.1
ok 'and back' until_ok 5 said in1 'leased address=11.0.0.77:4002 udp=4002 tcp=4002'
node_stop in1
ok 'given back' grep -q 'natpmp tcp 4001 0 0' "$LAB_DIR/gateway.log"
exit $LAB_FAILED
