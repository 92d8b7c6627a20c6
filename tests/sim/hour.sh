#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Thirty parties in two halves for an hour: whatever order the heal brings, all come to one state.
# usage: hour.sh TALLY-SIM STORY [FIRST [LAST]]    (seeds; 1 to 8)
set -eu
if [ -z "${TALLY_LONG:-}" ] && [ $# -le 2 ]; then
    echo "skip: long; tools/test --long sim runs it"
    exit 77
fi
seed=${3:-1} last=${4:-8}
while [ "$seed" -le "$last" ]; do
    echo "seed $seed"
    "$1" run "$2" --seed "$seed" | head -1 | tee /dev/stderr | grep -q 'all is well'
    seed=$((seed + 1))
done
