# What must be built before a machine can be booted, step by step.  Sourced after lib.sh.
# shellcheck shell=bash

declare -A build_titles=(
    [kernel]="Linux kernel of L1"
    [kernel-l2]="Linux kernel of L2"
    [module]="vfio_ccw.ko"
    [tools]="Programs for L1 and L2"
    [image]="Initial file system of L1"
    [l1-debian]="Debian's QEMU, mdevctl and driverctl for L1"
    [images]="Initial file systems of L1 and L2"
)

build_one() {
    case $1 in
    kernel-l2) L2=1 "$top/scripts/kernel" ;;
    images)
        "$top/scripts/image"
        "$top/scripts/l2-image"
        { zcat "$image" && cat "$top/build/l1-debian.cpio"; } >"$top/build/l1-scenarios.cpio.new"
        mv "$top/build/l1-scenarios.cpio.new" "$top/build/l1-scenarios.cpio"
        ;;
    *) "$top/scripts/$1" ;;
    esac
}

# build WHAT...: each of them, as a step.
build() {
    local what
    lock_cache
    for what; do
        step "${build_titles[$what]}"
        build_one "$what"
    done
    unlock_cache
}

for_l1=(kernel module tools image)
for_l2=(kernel kernel-l2 module tools l1-debian images)
