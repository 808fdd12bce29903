# How L1 is booted.  Sourced after lib.sh and kernel-paths.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154

share=$top/build/share$variant
# What is run from here on has its logs in the clone: another one may use the cache, too.
log=$top/build/logs
mkdir -p "$log"

# Make the shared folder anew, with scripts/l1 and demo in it.
new_share() {
    rm -rf "$share"
    mkdir -p "$share"
    cp -r "$top/scripts/l1" "$top/demo" "$share/"
}

# boot_l1 NAME SECONDS COMMAND...: run a command in L1, in the shared folder; the
# console goes to a log of that name.  L1_SILENCE is how many seconds the console
# may be silent.
boot_l1() {
    in_root python3 -B "$top/tests/harness/boot.py" \
        --kernel "$kernel_image" --initrd "$image" --share "$share" \
        --log "$log/$1.log" --seconds "$2" ${L1_SILENCE:+--silence "$L1_SILENCE"} \
        ${SEED:+--seed "$SEED"} "${@:3}"
}
