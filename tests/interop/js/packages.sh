# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Sourced with `here` set: the packages of package-lock.json and the programs of this folder, in a
# directory below the build's, which becomes the current one. Skips (77) without node, npm or a
# registry. Two tests may ask for it at once: one installs, the other waits.
work=$TALLY_BUILD/tests/interop/js/node
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "node or npm is missing"
    exit 77
fi

mkdir -p "$work"
cp "$here/package.json" "$here/package-lock.json" "$here/"*.mjs "$work/"
cd "$work"
exec 9>lock
flock 9
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1 ||
        { tail -3 npm.log; echo "the packages cannot be installed"; exit 77; }
    cp package-lock.json node_modules/.installed
fi
exec 9>&-

# The first line of a file that a program in the background writes.
first_line() {
    tries=0
    while [ ! -s "$1" ] && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    head -n 1 "$1"
}
