# shellcheck shell=bash
# ./dev profile: where the instructions of a running walpiper go.

# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/build.sh
. tools/build.sh

dev_profile() {
    read_install_option "$@"
    packages_ensure "${packages_to_build[@]}" "${packages_to_run[@]}" "${packages_to_test[@]}"
    become_checkout_owner profile "$@"
    prepare_node_modules
    build_tree release -Dtests=disabled
    WALPIPER_BIN=$PWD/build/release/src/walpiper node tests/bench/profile.mjs "${rest[@]}" </dev/null
}
