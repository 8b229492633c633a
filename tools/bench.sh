# shellcheck shell=bash
# ./dev bench: what the hot paths cost, beside what a user could have instead.

# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/build.sh
. tools/build.sh

dev_bench() {
    read_install_option "$@"
    packages_ensure "${packages_to_build[@]}" "${packages_to_run[@]}" "${packages_to_test[@]}" \
        "${packages_to_bench[@]}"
    become_checkout_owner bench "$@"
    prepare_node_modules
    build_tree release -Dtests=disabled
    WALPIPER_BIN=$PWD/build/release/src/walpiper node tests/bench/run.mjs "${rest[@]}" </dev/null
}
