#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Five nodes in five networks, all linked with all: one has others dial it for streams, and doctor
# says who did, or that nobody got through. For datagrams it takes one who is new.
set -eu
[ -n "${TALLY_LONG:-}" ] || { echo "skip: long; tools/test --long netns runs it"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
. "$here/home.sh"
home_alone "$0"
. "$here/lab.sh"
lab_need ip nft unshare

# ---- A router between 11.0.0.0/24 to 16.0.0.0/24, public in here alone. ----
lab_ns r a b c d e f
ns r sysctl -qw net.ipv4.ip_forward=1
for n in a:11 b:12 c:13 d:14 e:15 f:16; do
  name=${n%:*} net=${n#*:}
  lab_link r "to-$name" "$name" eth0
  lab_addr r "to-$name" "$net.0.0.1/24"; lab_addr "$name" eth0 "$net.0.0.2/24"
  ip -n "$LAB-$name" route add default via "$net.0.0.1"
done
ns r nft add table inet filter
ns r nft add chain inet filter forward '{ type filter hook forward priority 0; }'

doctor() { ns a "$TALLY" doctor --data "$LAB_DIR/node-a" "$@" || :; }
tells() { doctor | grep -q "$1" || { doctor --quick; return 1; }; }
linked() { ns "$1" "$TALLY" peers --data "$LAB_DIR/node-$1" | grep -c '	\(linked\|connected\)	'; }
links() { [ "$(linked "$1")" = "$2" ]; }                  # NAMESPACE NUMBER

node_start b --profile server
B=/ip4/12.0.0.2/udp/4001/p2p/$(node_id b)
node_start d --profile server
D=/ip4/14.0.0.2/udp/4001/p2p/$(node_id d)
for n in c e a; do node_start $n --profile server --peer "$B" --peer "$D"; done
ok 'all are linked with all' until_ok 10 links a 4
ANY="\($(node_id b)\|$(node_id c)\|$(node_id d)\|$(node_id e)\)"
ok 'for streams, one of them dials us' until_ok 20 \
  tells "/ip4/11.0.0.2/tcp/4001  of an interface, reachable: $ANY dialled it .* ago"
node_start f --profile server --peer "/ip4/11.0.0.2/udp/4001/p2p/$(node_id a)"
ok 'who is new comes by datagrams' until_ok 20 \
  tells "/ip4/11.0.0.2/udp/4001  of an interface, reachable: $(node_id f)"
ok 'the log says so' said a 'text="reachable at 11.0.0.2:4001"'
ok 'once for datagrams, once for streams' said_times a 2 'text="reachable at '
ok 'status has it' sh -c "$TALLY status --json --data '$LAB_DIR/node-a' |
  grep -q '\"reachable\":\[\"/ip4/11.0.0.2/udp/4001\"'"
ok 'nothing is wrong' ns a "$TALLY" doctor --data "$LAB_DIR/node-a"
node_stop a
# Who has dialled us lately proves nothing by doing it again; those who begin anew have not.
for n in c e f; do node_stop $n; done
for n in c e; do node_start $n --profile server --peer "$B" --peer "$D"; done

# ---- A firewall lets in whom we greeted, and nobody else. ----
ns r nft add rule inet filter forward oifname to-a ct state established accept
ns r nft add rule inet filter forward oifname to-a drop
log_clear a
node_start a --profile server --peer "$B" --peer "$D"
ok 'a firewall: b and d are linked all the same' until_ok 10 links a 4
ok 'a firewall: others cannot dial us, which a server must mend' until_ok 100 \
  tells '^E_UNREACHABLE  error'
ok 'a firewall: the address is named' tells 'a peer tried to dial /ip4/11.0.0.2/'
ok 'a firewall: the log has the code' said a 'text="not reachable at 11.0.0.2:4001" code=E_UNREACH'
for n in a b c d e; do node_stop $n; done
exit $LAB_FAILED
