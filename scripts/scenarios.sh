# How scenarios are run.  Sourced after boot.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154

l2_kernel_image=$(L2=1 bash -c '. "$1/scripts/lib.sh"; . "$1/scripts/kernel-paths.sh"; echo "$kernel_image"' bash "$top")

# The steps before scenarios can be run, as they are shown.
scenario_steps=7
build_for_scenarios() {
    step "Build root"
    scripts/buildroot
    step "Linux kernel of L1"
    scripts/kernel
    step "Linux kernel of L2"
    L2=1 scripts/kernel
    step "vfio_ccw.ko"
    scripts/module
    step "Programs for L1 and L2"
    scripts/tools
    step "Debian's QEMU, mdevctl and driverctl for L1"
    scripts/l1-debian
    step "Initial file systems"
    scenario_images
}

scenario_images() {
    scripts/image
    scripts/l2-image
    { zcat "$image" && cat "$top/build/l1-debian.cpio"; } >"$top/build/l1-scenarios.cpio"
}

# scenarios NAME BACKEND ARGS...: tests/scenarios/run.py with these arguments. The
# consoles stay in build/NAME and build/logs/NAME.log.
scenarios() {
    local share=$top/build/$1
    new_share
    cp "$top/build/l2.cpio" "$share/l2-initrd"
    cp "$l2_kernel_image" "$share/l2-kernel"
    in_root python3 -B "$top/tests/scenarios/run.py" \
        --kernel "$kernel_image" --initrd "$top/build/l1-scenarios.cpio" --share "$share" \
        --log "$log/$1.log" --seconds 3600 --backend "$2" "${@:3}"
}
