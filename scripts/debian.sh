# Fetches from Debian on a day on which the mirror is not whole: from the first suite of a list
# that has all that is asked for.  Sourced after lib.sh.
# shellcheck shell=bash disable=SC2154

tries=3
pause=${VFIO_CCW_PAUSE:-10}     # seconds before the next try
timeout=${VFIO_CCW_TIMEOUT:-30} # seconds without an answer

# The settings of apt for all that is fetched: how this machine reaches its mirrors, and patience.
apt_settings() {
    if command -v apt-config >/dev/null && [ -z "${VFIO_CCW_IN_ROOT:-}" ]; then
        # Proxies, and what the host asks of dates.
        apt-config dump | grep -E '^Acquire::(https?::([^ ]*::)?Proxy|Check-(Valid-Until|Date)) ' || true
    fi
    cat <<END
Acquire::http::Timeout "$timeout";
Acquire::https::Timeout "$timeout";
Acquire::Retries "0";
Acquire::Languages "none";
APT::Update::Error-Mode "any";
END
}

# The sources of a suite.  What is newer than the suite itself comes from its backports, which
# are there for amd64 only: their index of s390x does not always fit its signature.
suite_sources() { # suite_sources SUITE ARCHITECTURE MIRROR
    echo "deb [arch=$2] $3 $1 main"
    case $1-$2 in trixie-amd64) echo "deb [arch=$2] $3 $1-backports main" ;; esac
}

check_mirror() {
    case ${VFIO_CCW_MIRROR:-} in
    *[[:space:]]*) die "VFIO_CCW_MIRROR=$VFIO_CCW_MIRROR is not the address of a Debian mirror" "it has spaces in it" ;;
    '' | http://?* | https://?* | file:///?*) ;;
    *) die "VFIO_CCW_MIRROR=$VFIO_CCW_MIRROR is not the address of a Debian mirror" \
        "it begins with http://, https:// or file:///" ;;
    esac
    [[ ${VFIO_CCW_SUITES:-} =~ ^[a-z0-9\ -]*$ ]] ||
        die "VFIO_CCW_SUITES=$VFIO_CCW_SUITES is not a list of Debian suites" "for example: forky sid"
}

# why_missing LOG: what apt could not get, in a few words.
why_missing() {
    local said
    said=$(sed -nE '/^E: ./{ s/^E: (Failed to fetch [^ ]*\/)?//p; q }' "$1")
    [ -n "$said" ] || said=$(tail -n 1 "$1")
    printf '%s' "$said" | sed -E 's/%3a/:/g; s/%2b/+/g; s/%7e/~/g; s/ +\[IP: [^]]*\]//; s/ +/ /g' | cut -c1-150
}

# from_first_suite NAME "SUITE..." COMMAND...: run a command with one suite after the other as its
# last argument, until it succeeds; its output is in a log of that name.
from_first_suite() {
    local name=$1 suites=${VFIO_CCW_SUITES:-$2} suite try missing=()
    shift 2
    check_mirror
    for suite in $suites; do
        for ((try = 1; try <= tries; try++)); do
            watch "$name" "$@" "$suite"
            if ((status == 0)); then
                ((${#missing[@]} == 0)) || {
                    printf '      %s\n' "${missing[@]}"
                    echo "      taken from $suite instead: $(what_was_taken "$suite")"
                }
                return
            fi
            if is_full "$cache" || grep -q 'No space left on device' "$log/$name.log"; then
                die "the disk is full, while packages were fetched to $cache" \
                    "make room (make clean-cache), or set VFIO_CCW_CACHE to a directory with more; what is complete is kept"
            fi
            ((try == tries)) || sleep "$pause"
        done
        missing+=("$suite: $(why_missing "$log/$name.log") ($(the_mirror), $tries tries)")
    done
    die "Debian's packages for this step cannot be had ($name):" "${missing[@]}" "" \
        "what you can do: name another mirror (VFIO_CCW_MIRROR=http://host/debian make ...) or other" \
        "suites (VFIO_CCW_SUITES=\"forky sid\"), or put the file into $cache/by-hand" \
        "the whole log of the last try: $log/$name.log"
}

# Sets up, in the build root, an apt that sees one suite of one architecture, and nothing of the build root.
# Its files are in FOLDER/apt.
private_apt() { # private_apt FOLDER SUITE ARCHITECTURE
    local dir=$1/apt
    mkdir -p "$dir"/{lists,archives}/partial
    : >"$dir/status"
    suite_sources "$2" "$3" "$(the_mirror)" >"$dir/sources.list"
    {
        apt_settings
        [ ! -e "$root/host-apt.conf" ] || cat "$root/host-apt.conf"
        cat <<END
APT::Architecture "$3";
APT::Architectures { "$3"; };
APT::Sandbox::User "root";
Dir::Etc::SourceList "$dir/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "$dir";
Dir::State::lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache "$dir";
Dir::Cache::archives "$dir/archives";
END
    } >"$dir/apt.conf"
}

# Files that somebody has put into the cache because no mirror had them, by the names that apt
# has for them; it takes those that fit its index.
take_by_hand() { # take_by_hand FOLDER
    local file name
    for file in "$cache"/by-hand/*.deb; do
        [ -e "$file" ] || continue
        name=$(in_root dpkg-deb -W --showformat='${Package}_${Version}_${Architecture}.deb' "$file") || continue
        cp "$file" "$1/${name//:/%3a}"
    done
}

apt_in() { # apt_in FOLDER apt-get|apt-cache ARGS...
    in_root "$2" -c "$1/apt/apt.conf" -q "${@:3}"
}

# The mirror of this run: the one that is named, else the one of the build root.
the_mirror() {
    if [ -n "${VFIO_CCW_MIRROR:-}" ]; then
        echo "$VFIO_CCW_MIRROR"
    else
        cat "$root/mirror" 2>/dev/null || echo "the host's mirror"
    fi
}
