# How results are counted, and how the conformance suite is run in L1 and judged.
# Sourced after boot.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154

passed=0
failed=0
failures=() # is said once more at the end

# count NAME PASSED FAILED [LINE...]: add to the totals; a suite that ran nothing
# failed.  The lines say more of what failed.
count() {
    local result="$1: $2 passed, $3 failed" bad=$3 line
    (($2 + $3)) || { result="$1: no test was run" bad=1; }
    passed=$((passed + $2)) failed=$((failed + bad))
    echo "      $result"
    if ((bad)); then
        failures+=("$result")
        for line in "${@:4}"; do
            echo "          $line"
            failures+=("    $line")
        done
    fi
}

# totals: the end of a test run; fails if anything has failed.
totals() {
    echo
    echo "$SECONDS s"
    if ((failed)); then
        echo "what failed:"
        printf '    %s\n' "${failures[@]}"
    fi
    echo "$passed passed, $failed failed"
    ((failed == 0))
}

# check NAME COMMAND...: what passes or fails as a whole.  What is run with a log
# says at its end why it failed.
check() {
    local file=/dev/null end=()
    case $2 in
    run) file=$log/$3.log ;;
    boot_suite) file=$log/$3-output.log ;;
    esac
    if ("${@:2}"); then
        count "$1" 1 0
    else
        [ ! -e "$file" ] || mapfile -t end < <(tail -n 4 "$file")
        count "$1" 0 1 "${end[@]}"
    fi
}

# ktap NAME FILE: count the cases of the suite.
ktap() { count_results "$1" ktap "$2"; }

# kunit NAME FILE: count what the kernel's own parser makes of the results of KUnit.
kunit() {
    local data=$log/$1.json
    rm -f "$data"
    python3 -B "$kernel_source/tools/testing/kunit/kunit.py" parse --json="$data" "$2" >"$log/$1.parsed" 2>&1 || true
    count_results "$1" kunit "$data"
}

count_results() { # count_results NAME KIND FILE
    local results
    mapfile -t results < <(python3 -B "$top/tests/harness/results.py" "$2" "$3")
    # shellcheck disable=SC2086
    count "$1" ${results[0]:-0 1} "${results[@]:1:30}"
}

# The machine of L1 while the suite runs; in the short form the cases that go on for long are shorter.
emulator=qemu
short=${SHORT:-}

# What the machine says is in build/logs, not on the terminal.
boot_suite() { # boot_suite NAME ARGS...: l1/conformance with these arguments
    local L1_SILENCE=700 # longer than the longest case
    run "$1-output" boot_l1 "$1" $((debug ? 7200 : 3600)) --emulator $emulator \
        ${short:+env SHORT=1} sh l1/conformance "${@:2}"
}

# The C driver may bring the machine down: the suite goes on behind the case at
# which it did, so often.
more_boots=30

# Boot again until the suite has come to its end on the C driver.
finish_c() {
    local boot=1 rest last=
    while rest=$(in_root python3 -B "$top/tests/harness/ktap.py" "$(cat "$share/died" 2>/dev/null || echo "no reason is known")" \
        "$share"/c-{container,iommufd}.ktap) && [ -n "$rest" ]; do
        local backends=(container iommufd) backend after=${rest#* }
        backend=${backends[${rest%% *} - 1]}
        if [ "$rest" = "$last" ]; then
            echo "error: the suite comes no further on the C driver; the console: $log/conformance-c-$boot.log" >&2
            return 1
        elif ((boot > more_boots)); then
            echo "error: the suite does not come to its end on the C driver, with $more_boots boots more" >&2
            return 1
        fi
        last=$rest
        echo "      C driver: $(cat "$share/died" 2>/dev/null || echo "stopped"); booting again, behind: $backend${after:+: $after}"
        boot=$((boot + 1))
        boot_suite "conformance-c-$boot" c "$filter" "$backend" "$after" || return
    done
}

c_record=$top/tests/conformance/c-driver.json

table() { in_root python3 -B "$top/tests/conformance/table.py" --results "$share" --machine $emulator "$@"; }

# The comparison of both drivers in this machine: the table is left in $table, its summary as JSON in
# $summary.  Fails if no difference explains a case, or if ours fails.  A difference is stale only if all
# cases were run.
compare() {
    local in_part=${FILTER:-}${SHORT:-}
    table=$log/table-$emulator.out summary=$log/table-$emulator.json
    table --changed-since "$c_record" --json "$summary" ${in_part:+--ignore-stale} >"$table" 2>&1
}

# What the C driver does by chance is no difference: run the few cases that nothing
# explains on it once more, each in a boot of its own.
run_again() {
    local cases case number=0
    mapfile -t cases < <(python3 -c 'import json, sys
for case in json.load(open(sys.argv[1]))["unexplained"]: print(case)' "$summary")
    ((${#cases[@]} > 0 && ${#cases[@]} <= 5)) || return
    mkdir "$share/first" "$share/again"
    mv "$share"/c-*.ktap "$share/first/"
    for case in "${cases[@]}"; do
        number=$((number + 1))
        echo "      C driver, once more: $case"
        (boot_suite "conformance-again-$number" c "$case") || true
        mkdir "$share/again/$number"
        mv "$share"/c-*.ktap "$share/again/$number/"
    done
    mv "$share"/first/* "$share/"
}

# record_c ARGS...: write what the C driver did into the repository; --add keeps what is there.
record_c() {
    table --record "$c_record" --kernel "$(cat "$kernel_build/include/config/kernel.release")" \
        --date "$(date -u +%F)" "$@"
}

# run_suite DRIVERS [FILTER]: one boot for ours and the C driver (rust c), or for
# one of them; the results are left in $share.
run_suite() {
    local drivers=$1 filter=${2:-}
    new_share
    check "L1 boot" boot_suite conformance "$drivers" "$filter"
    grep -E '^(memory|kmemleak): ' "$log/conformance-output.log" | sed 's/^/      /' || true
    kunit kunit "$share/kunit.log"
    ktap rust-container "$share/rust-container.ktap"
    ktap rust-iommufd "$share/rust-iommufd.ktap"
    case $drivers in
    *c) check "C driver to the end" finish_c ;;
    esac
}

# The same in Hercules.  There the console has no room for results, which come at
# the end, so each driver has a boot of its own; and the C driver a second one, if
# it has brought the machine down.
run_suite_in_hercules() {
    local drivers=$1 filter=${2:-} driver rust_share=$top/build/share-hercules
    for driver in $drivers; do
        share=$rust_share
        [ "$driver" = rust ] || share=$rust_share-c
        new_share
        if [ "$driver" = rust ]; then
            check "L1 boot in Hercules" boot_suite conformance-hercules rust "$filter"
            kunit kunit-hercules "$share/kunit.log"
            ktap rust-container-hercules "$share/rust-container.ktap"
            ktap rust-iommufd-hercules "$share/rust-iommufd.ktap"
        else
            check "C driver to the end in Hercules" c_in_hercules
            cp "$share"/c-*.ktap "$rust_share/" || true
        fi
    done
    share=$rust_share
}

c_in_hercules() {
    (boot_suite conformance-hercules-c c "$filter") && [ -e "$share/c-iommufd.ktap" ] && return
    echo "      C driver: once more"
    (boot_suite conformance-hercules-c-2 c "$filter") && [ -e "$share/c-iommufd.ktap" ]
}
