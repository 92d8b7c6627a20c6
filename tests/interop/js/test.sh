#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# js-libp2p 3 dials our channel and a whole node, and our channel dials it.
#
#     test.sh PEER TALLY   PEER is the program of ../peer.c
set -eu
peer=$(realpath "$1")
tally=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
. "$here/packages.sh"

rm -f listen.out js.out stop
"$peer" listen 2 >listen.out &
listener=$!
trap 'kill $listener 2>/dev/null || true' EXIT
node dial.mjs "$(first_line listen.out)"

# The node as an operator runs it; its second address is the one of TCP.
rm -rf node.out data
"$tally" run --data data --port 0 --listen 127.0.0.1 --profile static --min-free 0 --json \
    >node.out 2>node.log &
node=$!
trap 'kill $listener $node 2>/dev/null || true' EXIT
address=$(first_line node.out | grep -o '/ip4/127.0.0.1/tcp/[^"]*')
node dial.mjs "$address"
"$tally" status --data data | grep -q 'all is well'
kill $node
wait $node

mkfifo stop
node dial.mjs listen <stop >js.out &
exec 3>stop
address=$(first_line js.out)
"$peer" dial 1 "$address"
if "$peer" dial 2 "${address%/p2p/*}/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"; then
    echo "a wrong identity was not refused"
    exit 1
fi
exec 3>&-
