#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Neighbours on one LAN, without any option: open as long as nobody is admitted; two that admit each
# other, one after the other and while they run, are linked at once, and a third is not.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" != 0 ]; then
  unshare -Urnm true 2>/dev/null || { echo 'skip: no right to make user namespaces'; exit 77; }
  exec unshare -Urnm --fork sh -c 'mount -t tmpfs none /run && exec sh "$@"' sh "$0"
fi
. "$here/lab.sh"
lab_need ip python3
TALLY=${TALLY:-${TALLY_BUILD:-build}/tally}
start() {                                                 # NAME NAMESPACE
  ns_bg "$2" "$TALLY" run --data "$LAB_DIR/$1" --min-free 0 --json \
    >"$LAB_DIR/$1.json" 2>>"$LAB_DIR/$1.log"
}
show() { "$TALLY" node show --data "$LAB_DIR/$1"; }
id_of() { show "$1" | sed -n 's/^peer id *//p'; }
sees() {                                                  # NAME NAME: the first says it is linked
  "$TALLY" peers --data "$LAB_DIR/$1" --json |
    grep -q "\"peer_id\":\"$(id_of "$2")\"[^}]*\"linked\""
}
linked() { sees "$1" "$2" && sees "$2" "$1"; }
apart() { not sees "$1" "$2" && not sees "$2" "$1"; }
admit() { "$TALLY" federation admit --data "$LAB_DIR/$1" "$(id_of "$2")" >/dev/null 2>&1; }
holds() {                                                 # NAME NAME: the second's log `audit`
  "$TALLY" log list --data "$LAB_DIR/$1" | grep -q "$(show "$2" | sed -n 's/^node *//p')/audit"
}

lab_ns sw
lab_bridge sw br0
for i in 1 2 3; do
  lab_ns h$i
  lab_link sw p$i h$i eth0; lab_port sw br0 p$i
  lab_addr h$i eth0 10.7.0.$i/24
done
start a h1; start b h2
ok 'two find each other, without any option' until_ok 10 linked a b

# Each shuts the other out by admitting somebody else, and then takes it in, one after the other.
start c h3
ok 'so does a third' until_ok 10 linked a c
"$TALLY" federation mode strict --data "$LAB_DIR/a" >/dev/null
"$TALLY" federation mode strict --data "$LAB_DIR/b" >/dev/null
ok 'strict nodes are alone' until_ok 10 apart a b
ok 'strict nodes have no strangers' until_ok 10 apart a c
admit a b
sleep 3                                                   # It greets in vain meanwhile.
ok 'one that admits is not enough' apart a b
admit b a
ok 'two that admit each other are linked' until_ok 10 linked a b
echo word | "$TALLY" append --data "$LAB_DIR/a" --namespace audit --lines - >/dev/null
ok 'and exchange receipts' until_ok 10 holds b a
ok 'the third has nothing of it' apart a c
ok 'the third holds nothing of it' not holds c a
exit $LAB_FAILED
