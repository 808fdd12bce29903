# Loading vfio_ccw in L1 and handing it devices.
# shellcheck shell=sh

# load_driver rust|c: ours as a user gets it, or the kernel tree's own by its path.
load_driver() {
    modprobe -a mdev vfio vfio_iommu_type1 iommufd || return
    if [ "$1" = c ]; then
        insmod /lib/modules/*/kernel/drivers/s390/cio/vfio_ccw.ko || return
        echo "vfio_ccw: the C driver, kernel/drivers/s390/cio/vfio_ccw.ko"
    else
        # The virtio devices of this machine are here to be played with: no guest of
        # anybody else's gets them.  The C driver has no such parameter.
        modprobe vfio_ccw allow_unsafe_virtio=1 || return
        # The kernel marks what does not come from its own tree.
        if ! grep -q O /sys/module/vfio_ccw/taint; then
            echo "error: modprobe took the kernel's own vfio_ccw, not updates/vfio_ccw.ko"
            return 1
        fi
        echo "vfio_ccw: ours, $(sed -n 's,^\(.*/vfio_ccw.ko\):.*,\1,p' /lib/modules/*/modules.dep)"
    fi
}

# Whether the kernel has done with a device that it has found. A virtio device goes online by itself,
# and must not be taken away meanwhile: the common I/O layer would go on with the subchannel, and
# write into the data of its next driver.
is_settled() {
    device=/sys/bus/ccw/devices/$1
    [ -e "$device" ] || return
    case $(cat "$device/cutype") in
    3832/*) [ "$(cat "$device/online")" = 1 ] ;;
    esac
}

# The subchannel of a device number.  Its device comes a while after the subchannel
# was given back to the kernel.
subchannel_of() {
    tries=600
    until is_settled "$1"; do
        tries=$((tries - 1))
        if [ $tries = 0 ]; then
            echo "error: there is no device $1 that can be taken" >&2
            return 1
        fi
        usleep 100000
    done
    basename "$(dirname "$(readlink -f "/sys/bus/ccw/devices/$1")")"
}

# The devices of the suite: in QEMU the 3270 and a virtio-rng, in Hercules two disks and a tape.
numbers_of_devices() {
    if [ -e /job ]; then
        echo 0.0.0120 0.0.0121 0.0.0581
    else
        echo 0.0.000a 0.0.0042
    fi
}

bind_devices() {
    subchannels=
    for number in $(numbers_of_devices); do
        subchannel=$(subchannel_of "$number") && ccw bind "$subchannel" || return
        subchannels="$subchannels $subchannel"
    done
}

# The virtio-rng that tests unplug; Hercules does not survive that.
bind_spare() {
    spare=
    [ ! -e /job ] || return 0
    spare=$(subchannel_of 0.0.0043) && ccw bind "$spare"
}

release_spare() { [ -z "$spare" ] || ccw release "$spare"; }

# Nothing may be left that holds the module.
release_devices() {
    for subchannel in $subchannels; do
        ccw release "$subchannel" || return
    done
    references=$(cat /sys/module/vfio_ccw/refcnt)
    if [ "$references" != 0 ]; then
        echo "error: $references references to the module are left"
        return 1
    fi
    rmmod vfio_ccw
}
