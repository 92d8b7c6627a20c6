#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Go verifies a log that our code wrote, and refuses it with any part of it changed.
#   test.sh MAKE_LOG
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
check() { "$here/tlogcheck" "$@"; }

# One byte of a file becomes another, and Go must see it; then the file is as before.
refuses() {
    cp "$1" "$dir/kept"
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    other=$(printf '\\%03o' $(((byte + 1) % 256)))
    printf "$other" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
    if check "$dir/log" "$vkey" "$dir/log/proof" "$dir/log/older" >"$dir/said"; then
        echo "not refused: $1 with byte $2 changed"
        exit 1
    fi
    tail -1 "$dir/said"
    cp "$dir/kept" "$1"
}

status=0
check >/dev/null 2>&1 || status=$?
[ $status -ne 77 ] || { check; exit 77; }
for size in 1 2 255 256 257 66000; do
    rm -rf "$dir/log"
    vkey=$("$1" "$dir/log" $size)
    check "$dir/log" "$vkey" "$dir/log/proof" "$dir/log/older"
done
refuses "$dir/log/checkpoint" 70
refuses "$dir/log/proof" 40
refuses "$dir/log/older" 75
refuses "$dir/log/tile/entries/017" 100
refuses "$dir/log/tile/0/017" 100
refuses "$dir/log/tile/0/257.p/208" 6655
refuses "$dir/log/tile/1/000" 31
refuses "$dir/log/tile/1/001.p/1" 3
refuses "$dir/log/tile/2/000.p/1" 0
check "$dir/log" "$vkey" "$dir/log/proof" "$dir/log/older" >/dev/null
