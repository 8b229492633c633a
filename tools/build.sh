# shellcheck shell=bash
# Building with meson: one directory under build/ for each way of building.

# build_tree NAME [meson setup option...]: sets up build/NAME and builds all of it, quietly when well.
build_tree() {
    local tree=build/$1 log
    shift
    log=$tree.log
    mkdir -p build
    say "Building $tree"
    # meson's files hold absolute paths: a checkout that was moved or copied is built afresh.
    [[ $(cat "$tree/checkout" 2>/dev/null) == "$PWD" ]] || rm -rf "$tree"
    if [[ ! -f $tree/build.ninja ]]; then
        meson setup "$tree" "$@" >"$log" 2>&1 || build_failed "$log" "meson setup $tree $*" || return
        printf '%s\n' "$PWD" >"$tree/checkout"
    fi
    ninja -C "$tree" >"$log" 2>&1 || build_failed "$log" "ninja -C $tree"
}

build_failed() {
    tail -n 60 "$1" >&2
    warn "dev: '$2' failed; the whole output is in $1"
    return 1
}
