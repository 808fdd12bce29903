# Checks that a driver's turn leaves no memory behind.  Single objects are for the checks
# of the suite, and for kmemleak where the kernel has it; this is about what grows.
# shellcheck shell=sh disable=SC2154

kmemleak=/sys/kernel/debug/kmemleak
slab_bound=256  # KiB
free_bound=8192 # KiB
if [ -e $kmemleak ] || [ -e /sys/kernel/debug/kcov ]; then
    free_bound=65536 # with what the checks of memory and objects note for themselves
fi

# note TEXT: say it, also to the host.
note() { echo "$*" | tee -a memory; }

# Gives back what is cached.
settle() {
    sync
    echo 3 >/proc/sys/vm/drop_caches
    for cache in /sys/kernel/slab/*/shrink; do echo 1 >"$cache"; done
    sleep 1
}

# KiB that kmalloc and the DMA pools of the channel have given out, if the kernel tells.
slab_kib() {
    [ -e /proc/slabinfo ] || { echo 0 && return; }
    awk '/^(dma-)?kmalloc/ { sum += $2 * $4 } END { print int(sum / 1024) }' /proc/slabinfo
}
free_kib() { awk '/^MemFree:/ { print $2 }' /proc/meminfo; }

# An object is reported when two scans in a row find no pointer to it, and when it
# is older than 5 seconds.
scan() {
    sleep 6
    echo scan >$kmemleak
    sleep 1
    echo scan >$kmemleak
}

# Notes what was lost before, which is not the driver's.
memory_before() {
    if [ -e $kmemleak ]; then
        scan
        note "kmemleak: before the turn of $driver $(grep -c '^unreferenced' $kmemleak) reports, cleared"
        echo clear >$kmemleak || return
    fi
    settle
    slab_before=$(slab_kib) free_before=$(free_kib)
}

# Symbols of the module, for the reports that come when it is gone.
module_symbols() {
    [ ! -e $kmemleak ] || grep -F '[vfio_ccw]' /proc/kallsyms >"$driver.symbols"
}

# The reports of kmemleak, without those that name the function $known_leak.
reports() {
    awk -v known="${known_leak:-^$}" '
        /^unreferenced/ { if (report !~ known) printf "%s", report; report = "" }
        { report = report $0 "\n" }
        END { if (report !~ known) printf "%s", report }' $kmemleak
}

memory_after() {
    settle
    slab=$(($(slab_kib) - slab_before)) lost=$((free_before - $(free_kib)))
    note "memory: after the turn of $driver $slab KiB more in slabs, $lost KiB less free"
    leaks=0
    if [ $slab -gt $slab_bound ]; then
        echo "error: the driver leaves objects behind: $slab KiB, of at most $slab_bound"
        leaks=1
    fi
    if [ $lost -gt $free_bound ]; then
        echo "error: the driver leaves memory behind: $lost KiB, of at most $free_bound"
        leaks=1
    fi
    if [ -e $kmemleak ]; then
        scan
        reports >kmemleak.log
        if [ -s kmemleak.log ]; then
            cat kmemleak.log
            echo "error: kmemleak: after the turn of $driver $(grep -c '^unreferenced' kmemleak.log) reports;" \
                "the module's symbols are in $driver.symbols"
            leaks=1
        else
            note "kmemleak: after the turn of $driver none"
        fi
    fi
    return $leaks
}
