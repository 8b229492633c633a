# shellcheck shell=bash
# What every command of ./dev uses. Sourced; the working directory is the checkout.

say() {
    printf '%s\n' "$*"
}

warn() {
    printf '%s\n' "$*" >&2
}

fail() {
    warn "$@"
    exit 1
}

fail_usage() {
    warn "$1; see ./dev help"
    exit 2
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# A short name for this checkout, for what cannot lie inside it.
checkout_hash() {
    printf '%s' "$PWD" | sha256sum | cut -c1-8
}
