# shellcheck shell=bash
# ./dev test: all stages, or those named. A stage that fails does not keep the others from running.

# packages.sh and build.sh come with it.
# shellcheck source=tools/chaos.sh
. tools/chaos.sh
# shellcheck source=tools/postgres.sh
. tools/postgres.sh

# In this order; chaos is mostly waiting, and has the lint beside it.
test_stages=(unit instructions sanitizers fuzz integration chaos lint)
# Where the files of the stage integration are.
integration_directories=(tests/clients tests/browser tests/integration)
# Those whose promise is not about size or about ./dev; and of these, those in which threads meet. For
# what kill.test.mjs promises there is chaos.
sanitized_files=(tests/integration/{events,eventpiper,eventstreamex,downtime,slot,shutdown,plugins,publication}.test.mjs)
threaded_files=(tests/integration/{admin,events,eventpiper,downtime,slot,shutdown}.test.mjs)

dev_test() {
    read_install_option "$@"
    test_read_arguments "${rest[@]}"
    packages_ensure "${packages_to_build[@]}" "${packages_to_run[@]}" "${packages_to_test[@]}"
    become_checkout_owner test "$@"
    prepare_node_modules
    local -a failed=()
    local stage chaos=
    mkdir -p build
    for stage in "${stages[@]}"; do
        if [[ $stage == chaos ]]; then
            test_stage chaos >build/chaos.log 2>&1 &
            chaos=$!
        else
            test_stage "$stage" || failed+=("$stage")
        fi
    done
    if [[ -n $chaos ]]; then
        wait "$chaos" || failed+=(chaos)
        cat build/chaos.log
    fi
    say ""
    if ((${#failed[@]} > 0)); then
        fail "dev test: failed: ${failed[*]}"
    fi
    say "dev test: all passed: ${stages[*]}"
}

test_stage() {
    local began=$SECONDS status=0
    printf "\n== %s\n" "$1"
    "test_$1" || status=1
    say "== $1: $((SECONDS - began)) s"
    return $status
}

# Words before `integration` are stages; those after it are names of its files. --accept is for
# `instructions`.
test_read_arguments() {
    stages=()
    integration_files=()
    accept=()
    local argument file
    for argument in "$@"; do
        if [[ " ${stages[*]} " == *" integration "* ]]; then
            file=$(find "${integration_directories[@]}" -maxdepth 1 -name "$argument.test.mjs")
            [[ -n $file ]] || fail_usage "dev test: no file $argument.test.mjs in ${integration_directories[*]}"
            integration_files+=("$file")
        elif [[ $argument == --accept ]]; then
            accept=(--accept)
        elif [[ " ${test_stages[*]} " == *" $argument "* ]]; then
            stages+=("$argument")
        else
            fail_usage "dev test: no stage '$argument'"
        fi
    done
    ((${#stages[@]} > 0)) || stages=("${test_stages[@]}")
}

# Compilers take twice as long for -O2. What is released is built with it, and
# tested by the other stages.
quickly=(-Doptimization=1 -Dc_args=-g1)

test_unit() {
    build_tree test "${quickly[@]}" || return
    run_unit_tests build/test
}

# Instructions an event on the hot path, beside the numbers of the repository.
test_instructions() {
    build_tree release -Dtests=disabled &&
        WALPIPER_BIN=$PWD/build/release/src/walpiper node tests/bench/instructions.mjs "${accept[@]}" </dev/null
}

# The unit tests with the sanitizers of gcc, and walpiper itself under the load of the integration tests.
# ThreadSanitizer sees the unit tests of what threads share.
test_sanitizers() {
    local status=0
    # Check's child processes would hide leaks.
    export CK_FORK=no
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    export TSAN_OPTIONS=halt_on_error=1
    if build_tree asan "${sanitizer_options[@]}" "${quickly[@]}"; then
        run_unit_tests build/asan || status=1
        run_sanitized asan "${sanitized_files[@]}" || status=1
    else
        status=1
    fi
    local threaded='test_(base|journal|loop|feed)_'
    if build_part "^src/walpiper$|^tests/(faults/|unit/$threaded)" tsan -Db_sanitize=thread -Db_lundef=false "${quickly[@]}"; then
        run_unit_tests build/tsan "$threaded" || status=1
        run_sanitized tsan "${threaded_files[@]}" || status=1
    else
        status=1
    fi
    return $status
}

# run_sanitized TREE FILE...: integration tests, and beside them chaos, which is mostly waiting.
run_sanitized() {
    local tree=$1 status=0
    shift
    chaos_run "$tree" --minutes 0.8 >"build/chaos-$tree.log" 2>&1 &
    run_integration "build/$tree" "$@" || status=1
    wait $! || status=1
    cat "build/chaos-$tree.log"
    return $status
}

# How many run side by side: many of them wait for time limits, or the disk, most of their life.
side_by_side=$(($(nproc) + 2))

# run_unit_tests TREE [PATTERN]: side by side, each program's own output in one piece, so that Check's
# closing lines are seen.
run_unit_tests() {
    local program
    local -a programs=()
    for program in "$1"/tests/unit/test_*; do
        [[ -f $program && -x $program && ${program##*/} =~ ^${2:-.*} ]] && programs+=("$program")
    done
    if ((${#programs[@]} == 0)); then
        warn "no unit test found in $1"
        return 1
    fi
    export -f run_unit_test
    # shellcheck disable=SC2016 # the inner shell expands it
    printf '%s\0' "${programs[@]}" | xargs -0 -P "$side_by_side" -n 1 bash -c 'run_unit_test "$1"' unit
}

run_unit_test() {
    local output status=0
    output=$(timeout 300 "$1" </dev/null 2>&1) || status=$?
    printf '%s\n' "$output"
    ((status == 0)) || printf '%s failed with %d\n' "$1" "$status"
    return $((status != 0))
}

test_fuzz() {
    tests/fuzz/run 3
}

test_lint() {
    tests/lint/run
}

test_integration() {
    if ((${#integration_files[@]} == 0)); then
        mapfile -t integration_files < <(find "${integration_directories[@]}" -maxdepth 1 -name '*.test.mjs' | sort)
    fi
    build_tree release -Dtests=disabled && run_integration build/release "${integration_files[@]}"
}

# Honest runs, which are mostly waiting, and beside them the bugs that must be found.
test_chaos() {
    local status=0 bug plugin run
    local -a runs=()
    build_tree release -Dtests=disabled || return
    for plugin in wal2json pgoutput; do
        chaos_run release --minutes 1 --plugin "$plugin" >"build/chaos-$plugin.log" 2>&1 &
        runs+=($!)
    done
    chaos_run release --operators --minutes 2 >build/chaos-operators.log 2>&1 &
    runs+=($!)
    for bug in "${planted_bugs[@]}" "${planted_operator_bugs[@]}"; do
        chaos_planted "$bug" --minutes 3 || status=1
    done
    for run in "${runs[@]}"; do
        wait "$run" || status=1
    done
    cat build/chaos-{wal2json,pgoutput,operators}.log
    return $status
}

# run_integration TREE FILE...: the files side by side. Each has its own PostgreSQL, a copy of one
# cluster, and prints its logs when it fails.
run_integration() (
    tree=$1
    shift
    template=$(mktemp -d "${TMPDIR:-/tmp}/walpiper-template-XXXXXX") || exit
    trap 'rm -rf "$template"' EXIT
    ((EUID != 0)) || chown postgres "$template"
    postgres_initdb "$template/data" --no-sync >build/initdb.log 2>&1 ||
        fail "dev test: initdb failed; see build/initdb.log"
    export POSTGRES_TEMPLATE=$template/data WALPIPER_BIN=$PWD/$tree/src/walpiper
    node --test --test-concurrency="$side_by_side" --test-reporter=spec "$@" </dev/null
)
