# Shared by the build scripts: where things are cached, how steps are shown,
# and how a command is run inside the build root.  Sourced by bash scripts.
# shellcheck shell=bash disable=SC2034

set -euo pipefail

# An ordinary user's path lacks the places of chroot and newuidmap.
export PATH=$PATH:/usr/sbin:/sbin

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${VFIO_CCW_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/vfio-ccw-rs}
jobs=${JOBS:-$(nproc)}

die() {
    printf '\nerror: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}

case "$top$cache" in
*[[:space:]:]*) die "make cannot work in a path with spaces or colons" "clone: $top" "cache: $cache" ;;
esac

mkdir -p "$cache/log" 2>/dev/null ||
    die "cannot write to the cache directory $cache" "set VFIO_CCW_CACHE to a directory that you own"
cache=$(cd "$cache" && pwd -P)
log=$cache/log

# Print the first 16 hex digits of the hash of standard input.
key_of() { sha256sum | cut -c1-16; }

# watch NAME COMMAND...: run a long command with its output in a log of that
# name, and show a sign of life every 20 seconds.  Its exit status is left in $status: a
# function that is called where its failure is looked at would go on after a failure within.
watch() {
    local file=$log/$1.log start=$SECONDS pid shown=0
    shift
    status=0
    # A process group of its own, so that an interrupt ends all of it.
    set -m
    "$@" >"$file" 2>&1 </dev/null &
    pid=$!
    set +m
    # shellcheck disable=SC2064
    trap "kill -KILL -- -$pid 2>/dev/null; exit 130" INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - start >= shown + 20)); then
            shown=$((SECONDS - start))
            printf '      %4d s  %s\n' "$shown" "$(tail -n 1 "$file" | tr -d '\r' | cut -c1-90)"
        fi
    done
    wait "$pid" || status=$?
    trap - INT TERM
    if ((status == 0)); then printf '      done in %d s\n' $((SECONDS - start)); fi
}

# run NAME COMMAND...: watch a command that must succeed; else show the end of its log.
run() {
    watch "$@"
    ((status)) || return 0
    printf '\nerror: %s failed (exit %d); the end of its log:\n\n' "$1" "$status" >&2
    tail -n 25 "$log/$1.log" | sed 's/^/    /' >&2
    printf '\n    the whole log: %s\n' "$log/$1.log" >&2
    ! is_full "$cache" || printf '    the disk of %s is full: make room, or set VFIO_CCW_CACHE\n' "$cache" >&2
    exit 1
}

is_full() { (($(df --output=avail -BM "$1" | tail -n 1 | tr -dc 0-9) < 50)); }

# One build at a time per cache: two clones may share it.  A script that is
# called by one that holds the lock has it already.
lock_cache() {
    [ -z "${cache_is_locked:-}" ] || return 0
    exec 9>"$cache/lock"
    if ! flock -n 9; then
        echo "waiting for another build that uses $cache"
        flock 9
    fi
    export cache_is_locked=1
}

# Run a command with root's rights in a mount namespace of its own: plainly as
# root, and as an ordinary user in a user namespace whose root is that user.
in_namespace() {
    if [ "$(id -u)" = 0 ]; then
        unshare --mount --pid --fork --kill-child --propagation private "$@"
    else
        unshare --user --map-root-user --map-auto --mount --pid --fork --kill-child --propagation private "$@"
    fi
}

# The build root's name carries what it is made of, so that a change of the
# list makes a new one.
root_key=$(cat "$top/scripts/packages" "$top/scripts/buildroot" | key_of)
root=$cache/root-$root_key

# The packages of s390x, likewise.
s390x_key=$(cat "$top/scripts/packages.s390x" "$top/scripts/debian-packages" | key_of)

# Name of the archive that scripts/l1-debian makes of them.
l1_debian_name() { echo "l1-debian-$(cat "$top/scripts/l1-debian" - <<<"$s390x_key" | key_of).cpio"; }

# Name of the layer with the tools of packagers.
packaging_name() { echo "packaging-$(cat "$top/scripts/packages.packaging" - <<<"$root_key" | key_of)"; }

# note_clone: note what this clone has in the cache, for `make clean-cache`.
note_clone() {
    local file
    mkdir -p "$cache/clones"
    file=$cache/clones/$(key_of <<<"$top")
    { echo "$top" && "$top/scripts/cache-names"; } >"$file.$$"
    mv "$file.$$" "$file"
}

# enter_root "$@": go on in the build root, for the rest of this script.
enter_root() {
    [ -n "${VFIO_CCW_IN_ROOT:-}" ] || exec "$top/scripts/in-root" "$(basename "$0")" "$@"
}

# in_root COMMAND...: run a command inside the build root, in the current
# directory, with the clone and the cache at the paths that they have outside.  Within it
# commands are run as they are.
in_root() {
    if [ -n "${VFIO_CCW_IN_ROOT:-}" ]; then
        "$@"
        return
    fi
    in_namespace "$top/scripts/enter-root" "$root" "$top" "$cache" "$PWD" "$@"
}
