# How scenarios are run.  Sourced after boot.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154

l2_kernel_image=$(L2=1 bash -c '. "$1/scripts/lib.sh"; . "$1/scripts/kernel-paths.sh"; echo "$kernel_image"' bash "$top")

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
