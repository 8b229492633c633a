# shellcheck shell=bash
# ./dev lint: what tests/lint/ finds in the sources without running them.

# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/build.sh
. tools/build.sh

dev_lint() {
    read_install_option "$@"
    packages_ensure "${packages_to_build[@]}" "${packages_to_test[@]}"
    become_checkout_owner lint "$@"
    prepare_node_modules
    tests/lint/run "${rest[@]}"
}
