#!/bin/bash
# Compare or record results of the conformance suite; the harness calls this.
# usage: suite.sh FUNCTION [ARGS...], with share, emulator, FILTER and SHORT in the environment
# shellcheck disable=SC2086,SC2154
. "$(dirname "$0")/lib.sh"
. "$top/scripts/kernel-paths.sh"
log=$top/build/logs

c_record=$top/tests/conformance/c-driver.json

table() { in_root python3 -B "$top/tests/conformance/table.py" --results "$share" --machine $emulator "$@"; }

# The table of both drivers in this machine, left in $table, and the cases that no row of the document
# explains, in $unexplained; fails if there are any, or if ours fails.  A row is stale only if all cases
# were run.
compare() {
    local partial=${FILTER:-}${SHORT:-}
    table=$log/table-$emulator.out unexplained=$log/unexplained-$emulator
    table --differences "$top/docs/differences.md" --changed-since "$c_record" --unexplained "$unexplained" \
        ${partial:+--partial} >"$table" 2>&1
}

# record_c ARGS...: write what the C driver did into the repository; --add keeps what is there.
record_c() {
    table --record "$c_record" --kernel "$(cat "$kernel_build/include/config/kernel.release")" \
        --date "$(date -u +%F)" "$@"
}

"$@"
