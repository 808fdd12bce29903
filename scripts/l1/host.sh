# Asking the host for something: the protocol of tests/harness/host.py.
# shellcheck shell=sh

# ask_host REQUEST...: print the payload of the reply, or the error and fail.
ask_host() {
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
