# For the scripts that show the command at work: a directory of their own, and nothing left behind. To be sourced.

# The directory is removed and what was started is ended, however the script ends.
work=$(mktemp -d "${TMPDIR:-/tmp}/sechan.XXXXXX")
started=()
cleanup() {
    local pid
    for pid in "${started[@]+"${started[@]}"}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# The SHA-256 of a file, or of standard input.
digest() { if command -v sha256sum >/dev/null 2>&1; then sha256sum "$@"; else shasum -a 256 "$@"; fi | cut -d ' ' -f 1; }

# A member of the last record of a kind: member FILE KIND NAME.
member() { sed -n "s/^{\"v\":1,\"type\":\"$2\".*\"$3\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$1" | tail -n 1; }

# The address that a listener has, once its records name it.
address_from() {
    local tries=0 address
    while [ $((tries += 1)) -le 200 ]; do
        address=$(member "$1" listening address)
        [ -z "$address" ] || { printf '%s\n' "$address"; return; }
        sleep 0.05
    done
    cat "$1" >&2
    return 1
}

# Waits for a process that was started here, and fails with its words when it did.
await() {
    local status=0
    wait "$1" || status=$?
    [ "$status" -eq 0 ] || { cat "$2" >&2; fail "$3 ended with status $status"; }
}
