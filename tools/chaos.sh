# shellcheck shell=bash
# ./dev chaos: walpiper under load while everything around it fails, and the promises checked.

# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/build.sh
. tools/build.sh

sanitizer_options=('-Db_sanitize=address,undefined' -Db_lundef=false)
planted_bugs=(confirm_before_sync confirm_keepalive skip_at_seam)
planted_operator_bugs=(no_visibility_guard no_fence) # are found by --operators
chaos_broken=3 # the exit of run.mjs when a promise did not hold

dev_chaos() {
    read_install_option "$@"
    local planted='' sanitized=no
    local -a options=()
    chaos_read_arguments "${rest[@]}"
    packages_ensure "${packages_to_build[@]}" "${packages_to_run[@]}" "${packages_to_test[@]}"
    become_checkout_owner chaos "$@"
    prepare_node_modules
    if [[ -n $planted ]]; then
        chaos_planted "$planted" "${options[@]}"
    elif [[ $sanitized == yes ]]; then
        build_tree asan "${sanitizer_options[@]}" && chaos_run asan "${options[@]}"
    else
        build_tree release -Dtests=disabled && chaos_run release "${options[@]}"
    fi
}

# Sets planted, sanitized and options of the caller.
chaos_read_arguments() {
    while (($# > 0)); do
        case $1 in
        --planted-bug)
            [[ " ${planted_bugs[*]} ${planted_operator_bugs[*]} " == *" ${2:-} "* && -n ${2:-} ]] ||
                fail_usage "dev chaos: --planted-bug takes one of: ${planted_bugs[*]} ${planted_operator_bugs[*]}"
            planted=$2
            shift
            ;;
        --sanitized) sanitized=yes ;;
        *) options+=("$1") ;;
        esac
        shift
    done
}

# chaos_run TREE [OPTION...]
chaos_run() {
    local tree=$1
    shift
    WALPIPER_BIN=$PWD/build/$tree/src/walpiper node tests/chaos/run.mjs "$@" </dev/null
}

# chaos_planted BUG [OPTION...]: well when the bug is found. One tree for all: few files differ.
chaos_planted() {
    local bug=$1 status=0
    shift
    [[ ! -f build/planted/build.ninja ]] || meson configure build/planted "-Dplanted_bug=$bug" >/dev/null || return
    build_tree planted -Dtests=disabled "-Dplanted_bug=$bug" || return
    [[ " ${planted_operator_bugs[*]} " != *" $bug "* ]] || set -- --operators "$@"
    CHAOS_KEEP=no chaos_run planted "$@" >"build/planted-$bug.log" 2>&1 || status=$?
    if ((status == chaos_broken)); then
        say "Found the planted bug $bug: $(grep -m 1 -A 1 'A promise is broken' "build/planted-$bug.log" | tail -n 1)"
        return
    fi
    cat "build/planted-$bug.log"
    warn "dev chaos: the planted bug $bug was not found (exit $status)"
    return 1
}
