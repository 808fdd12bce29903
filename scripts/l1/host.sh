# Asking the host for something: the protocol of tests/harness/host.py.
# shellcheck shell=sh

# ask_host REQUEST...: print the payload of the reply, or the error and fail.
ask_host() {
    if [ -e /job ]; then
        asked=$((${asked:-0} + 1))
        echo "@host ask $$.$asked $*" >/dev/console
        while read -r answered answer; do
            [ "$answered" != "$$.$asked" ] || break
        done </dev/console
        echo "@host heard $answered" >/dev/console
        [ "$answer" = ok ] && return
        echo "the host answers \`$*\` with: $answer" >&2
        return 1
    fi
    echo "$*" >host/request.new
    mv host/request.new host/request
    while [ ! -e host/reply ]; do usleep 10000; done
    {
        read -r answer
        cat
    } <host/reply
    rm host/reply
    [ "$answer" = ok ] && return
    echo "the host answers \`$*\` with: $answer" >&2
    return 1
}
