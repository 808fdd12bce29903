# Where the kernel's tree and build are.  Sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154

KERNEL_SOURCE=${KERNEL_SOURCE:+$(realpath "$KERNEL_SOURCE")}
export KERNEL_SOURCE
kernel_key=$({
    cat "$top/scripts/kernel" "$top/scripts/kernel.config"
    echo "$root_key ${KERNEL_SOURCE:-} ${KERNEL_DEB:-}"
} | key_of)
kernel=$cache/kernel-$kernel_key
kernel_source=${KERNEL_SOURCE:-$kernel/source}
kernel_build=$kernel/build
kernel_image=$kernel_build/arch/s390/boot/bzImage
