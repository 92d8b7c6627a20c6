#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# js-libp2p 3 and a node find each other by mDNS, whoever was there first, and js dials it. Two
# namespaces on one cable; skips (77) without the right to make them.
#
#     mdns.sh TALLY
set -eu
tally=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" != 0 ]; then
    unshare -Urnm true 2>/dev/null || { echo "no right to make user namespaces"; exit 77; }
    exec unshare -Urnm --fork sh -c 'mount -t tmpfs none /run && exec sh "$@"' sh "$0" "$1"
fi
. "$here/packages.sh"
. "$here/../../netns/lab.sh"
lab_need ip
lab_ns us them
lab_link us eth0 them eth0
for i in 1 2; do
    [ $i = 1 ] && n=us || n=them
    lab_addr $n eth0 10.7.0.$i/24
    ip -n "$LAB-$n" route add 224.0.0.0/4 dev eth0
done

node_start() {
    ns_bg us "$tally" run --data "$LAB_DIR/data" --min-free 0 --json --log-level debug \
        >"$LAB_DIR/node.json" 2>"$LAB_DIR/node.log"
    node=$!
}
js_start() {                                              # ID
    ns_bg them node mdns.mjs /ip4/10.7.0.2/tcp/4101 "$1" >"$LAB_DIR/js.out" 2>&1
    js=$!
}
said() { grep -q "$2" "$LAB_DIR/$1"; }
id_of() { sed 's/.*"peer_id": *"\([^"]*\)".*/\1/' "$LAB_DIR/node.json"; }
both_find() {                                             # WHO CAME FIRST
    ok "$1: js finds the node, dials and pings it" until_ok 15 said js.out 'all good'
    key=$(sed -n 's/^key //p' "$LAB_DIR/js.out")
    ok "$1: the node finds js" until_ok 15 said node.log "discovered peer=$key"
    sed -n 's/^\(found\|ping\)/     \1/p' "$LAB_DIR/js.out"
}

node_start
until_ok 5 said node.json peer_id
id=$(id_of)
js_start "$id"
both_find 'node first'
kill $node $js
wait $node $js || :

js_start "$id"
until_ok 10 said js.out '^key'
node_start
both_find 'js first'
exit $LAB_FAILED
