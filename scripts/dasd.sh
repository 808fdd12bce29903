# How channel programs are run on the devices of Hercules.  Sourced after boot.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154

dasd=$top/build/demo-dasd
linux_disk=$top/build/linux-disk

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
