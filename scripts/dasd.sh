# How channel programs are run on the devices of Hercules.  Sourced after boot.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154

dasd=$top/build/demo-dasd
linux_disk=$top/build/linux-disk

# The five steps before that, as they are shown.
build_for_dasd() {
    lock_cache
    step "Build root"
    scripts/buildroot
    step "Linux kernel"
    scripts/kernel
    step "vfio_ccw.ko"
    scripts/module
    step "Programs for L1"
    scripts/tools
    step "Initial file system of L1"
    scripts/image
    unlock_cache
}

# What L1 prints, and what the images of the devices have, goes to $dasd/output.
run_on_hercules() {
    local share=$dasd rc=0
    new_share
    boot_l1 demo-dasd 180 --emulator hercules sh l1/demo-dasd || rc=1
    in_root python3 -B "$top/tests/harness/devices.py" "$share" "$share-images" >>"$share/output" || rc=1
    return $rc
}

# What L1 prints goes to $linux_disk/output.
run_linux_disk() {
    local share=$linux_disk
    new_share
    boot_l1 linux-disk 180 --emulator hercules sh l1/linux-disk
}
