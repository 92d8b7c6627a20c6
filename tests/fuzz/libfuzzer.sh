#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libfuzzer.sh PROGRAM CORPUS [SEEDS]: a short search for bytes that break a reader. What it finds
# to be new stays in CORPUS, in the build folder, and the next run goes on from there.
set -eu
seconds=3
[ -z "${TALLY_LONG:-}" ] || seconds=120
program=$1 corpus=$2
seeds=${3:-}
mkdir -p "$corpus"
[ -d "$seeds" ] || seeds=''
exec "$program" -max_total_time=$seconds -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -verbosity=0 -artifact_prefix="$corpus-" "$corpus" ${seeds:+"$seeds"}
