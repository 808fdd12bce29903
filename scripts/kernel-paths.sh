# Where the kernel's source and build are, and what is built for it: of the plain
# kernel, with DEBUG=1 of the debug kernel, with BENCH=1 of the one that is measured,
# with DASD=1 of the one for L1 in Hercules with a guest, with KASAN=1 of the one that checks
# each access to memory, with L2=1 of the kernel of L2, with HOST_KERNEL=1 of the one for hosts.
# Sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154

kernel_configs=("$top"/scripts/kernel{,.checks}.config)
debug=${DEBUG:-0}
case $debug in
0) variant= ;;
1)
    variant=-debug # in the names of what is built for this kernel
    kernel_configs+=("$top/scripts/kernel.debug.config")
    ;;
*) die "DEBUG=$DEBUG is neither 0 (the plain kernel) nor 1 (the debug kernel)" ;;
esac
if [ -n "${BENCH:-}" ]; then
    variant=-bench
    kernel_configs=("$top"/scripts/kernel{,.bench}.config)
fi
if [ -n "${DASD:-}" ]; then
    variant=-dasd
    kernel_configs=("$top"/scripts/kernel{,.dasd}.config)
fi
if [ -n "${KASAN:-}" ]; then
    variant=-kasan
    kernel_configs=("$top"/scripts/kernel{,.checks,.kasan}.config)
    # Rust with KASAN needs clang, also for the module. A variable here reaches kbuild as one of its
    # command line would.
    export MAKEFLAGS=CC=clang-19
fi
if [ -n "${L2:-}" ]; then
    variant=-l2
    kernel_configs=("$top/scripts/kernel.l2.config")
fi
if [ -n "${HOST_KERNEL:-}" ]; then
    variant=-host
    kernel_configs=("$top/scripts/host-kernel.config")
fi

KERNEL_SOURCE=${KERNEL_SOURCE:+$(realpath "$KERNEL_SOURCE")}
export KERNEL_SOURCE
source_key=$({
    cat "$top/scripts/kernel-source"
    [ -z "${KERNEL_DEB:-}" ] || stat -c '%n %s %Y' "$KERNEL_DEB" 2>/dev/null || echo "$KERNEL_DEB"
} | key_of)
linux=$cache/linux-$source_key
kernel_source=${KERNEL_SOURCE:-$linux/source}
kernel_key=$({
    cat "$top/scripts/kernel" "${kernel_configs[@]}"
    # Which compilers built it: a module must come from the same.
    grep -E '^(rustc|bindgen|libclang1-[0-9]+|(gcc-[0-9]+|binutils)-s390x-linux-gnu) ' "$root/taken" 2>/dev/null || true
    echo "$kernel_source"
} | key_of)
kernel=$cache/kernel$variant-$kernel_key
kernel_build=$kernel/build
kernel_image=$kernel_build/arch/s390/boot/bzImage

module=$top/build/module$variant
image=$top/build/l1$variant.cpio.gz
