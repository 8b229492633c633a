# shellcheck shell=bash
# Building with meson: one directory under build/ for each way of building.

# build_tree NAME [meson setup option...]: sets up build/NAME and builds all of it, quietly when well.
build_tree() {
    setup_tree "$@" && build_targets "build/$1"
}

# build_part PATTERN NAME [option...]: likewise, but of the programs only those whose path matches.
build_part() {
    local pattern=$1
    shift
    setup_tree "$@" || return
    local -a targets
    mapfile -t targets < <(ninja -C "build/$1" -t targets all | sed -n 's/: c_LINKER.*//p' | grep -E "$pattern")
    build_targets "build/$1" "${targets[@]}"
}

setup_tree() {
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
}

build_targets() {
    local tree=$1
    shift
    ninja -C "$tree" "$@" >"$tree.log" 2>&1 || build_failed "$tree.log" "ninja -C $tree"
}

build_failed() {
    tail -n 60 "$1" >&2
    warn "dev: '$2' failed; the whole output is in $1"
    return 1
}
