# How L1 is booted.  Sourced after lib.sh and kernel-paths.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154

share=$top/build/share
logs=$top/build/logs
mkdir -p "$logs"

# boot_l1 NAME SECONDS COMMAND...: run a command in L1, in a folder that holds
# scripts/l1 and demo; the console goes to a log of that name.
boot_l1() {
    rm -rf "$share"
    mkdir -p "$share"
    cp -r "$top/scripts/l1" "$top/demo" "$share/"
    in_root python3 -B "$top/tests/harness/boot.py" \
        --kernel "$kernel_image" --initrd "$top/build/l1.cpio.gz" --share "$share" \
        --log "$logs/$1.log" --seconds "$2" ${SEED:+--seed "$SEED"} "${@:3}"
}
