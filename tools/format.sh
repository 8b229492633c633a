# shellcheck shell=bash
# ./dev format: the C sources as .clang-format wants them.

dev_format() {
    (($# == 0)) || fail_usage "dev format: takes no arguments"
    have clang-format || fail "dev format: no clang-format; install it with: apt-get install clang-format"
    git ls-files --cached --others --exclude-standard '*.c' '*.h' | xargs -r clang-format -i
}
