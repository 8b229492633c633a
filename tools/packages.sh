# shellcheck shell=bash
# The Debian packages walpiper is built, run and tested with, and how the missing ones get there.

packages_to_build=(
    build-essential meson ninja-build pkg-config
    libpq-dev libev-dev libjansson-dev libcjose-dev liblmdb-dev liblz4-dev libxxhash-dev libcyaml-dev libyaml-dev
    libcurl4-openssl-dev uthash-dev libbsd-dev
)
packages_to_run=(postgresql-15 postgresql-15-wal2json curl)
packages_to_test=(
    check libhttp-parser-dev
    clang libclang-rt-14-dev clang-format clang-tidy cppcheck shellcheck
    git nodejs npm lmdb-utils openssl nginx-light haproxy chromium-headless-shell valgrind
)
packages_to_bench=(libnginx-mod-nchan gnuplot-nox)

# Takes --no-install out of the arguments: sets `install` and the array `rest`.
read_install_option() {
    install=yes
    rest=()
    local argument
    for argument in "$@"; do
        if [[ $argument == --no-install ]]; then
            install=no
        else
            rest+=("$argument")
        fi
    done
}

# Prints those of PACKAGE... that are not installed, one a line.
packages_missing() {
    local package status
    for package in "$@"; do
        # A Node.js that came another way than from Debian serves as well.
        [[ $package =~ ^(nodejs|npm)$ ]] && node_is_usable && continue
        status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || true
        [[ $status == installed ]] || printf '%s\n' "$package"
    done
}

node_is_usable() {
    have node && have npm &&
        node -e 'const [a, b] = process.versions.node.split(".").map(Number);
                 process.exit(a > 18 || (a === 18 && b >= 19) ? 0 : 1)'
}

# Makes sure PACKAGE... are there. With `install` set to no it only says what is missing, and stops.
packages_ensure() {
    have dpkg-query || fail "dev: this is not Debian; walpiper needs the equivalent of: $*"
    local -a missing
    mapfile -t missing < <(packages_missing "$@")
    ((${#missing[@]} > 0)) || return 0
    local -a as_root=()
    ((EUID == 0)) || as_root=(sudo)
    if [[ $install == no ]]; then
        fail "dev: missing Debian packages; install them with: ${as_root[*]:+sudo }apt-get install --no-install-recommends ${missing[*]}"
    fi
    if ((EUID != 0)) && ! have sudo; then
        fail "dev: missing Debian packages, and neither root nor sudo to install them; as root run: apt-get install --no-install-recommends ${missing[*]}"
    fi
    say "Installing Debian packages: ${missing[*]}"
    packages_install "${missing[@]}"
}

packages_install() {
    local cluster_kept_away=no
    if ! packages_installed postgresql-common; then
        packages_keep_main_cluster_away
        cluster_kept_away=yes
    fi
    # In a shell of its own, which clears away however it ends.
    (
        trap services_disable EXIT
        services_keep_away "$@"
        packages_known "$@" || apt_get update -q
        # Lists that are older than the mirror name files it no longer has.
        apt_get install -q -y --no-install-recommends "$@" ||
            { apt_get update -q && apt_get install -q -y --no-install-recommends "$@"; } ||
            fail "dev: apt-get could not install: $*"
    ) || exit 1
    if [[ $cluster_kept_away == yes ]]; then
        "${as_root[@]}" rm -f "$cluster_setting"
    fi
}

packages_installed() {
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# True when apt's lists know every PACKAGE; a fresh Debian has no lists at all.
packages_known() {
    local package
    for package in "$@"; do
        apt-cache show "$package" >/dev/null 2>&1 || return 1
    done
}

apt_get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null
}

# The first installation of postgresql-15 would create a cluster and start it on port 5432. walpiper
# needs the programs only.
cluster_setting=/etc/postgresql-common/createcluster.d/walpiper.conf
packages_keep_main_cluster_away() {
    "${as_root[@]}" mkdir -p "$(dirname "$cluster_setting")"
    printf 'create_main_cluster = false\n' | "${as_root[@]}" tee "$cluster_setting" >/dev/null
}

# The tests start nginx and haproxy themselves, and need the programs only: those among PACKAGE... that
# are new are not started, now or at boot. A policy that is there already, as in containers, stays.
service_policy=/usr/sbin/policy-rc.d
services_kept_away=()
service_policy_is_ours=no
services_keep_away() {
    local package
    for package in "$@"; do
        [[ $package =~ ^(nginx-light|haproxy)$ ]] && services_kept_away+=("${package%-light}")
    done
    ((${#services_kept_away[@]} > 0)) && [[ ! -e $service_policy ]] || return 0
    service_policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$service_policy" >/dev/null
    "${as_root[@]}" chmod 755 "$service_policy"
}

services_disable() {
    if [[ $service_policy_is_ours == yes ]]; then
        "${as_root[@]}" rm -f "$service_policy"
    fi
    if ((${#services_kept_away[@]} > 0)) && have systemctl; then
        "${as_root[@]}" systemctl --quiet disable "${services_kept_away[@]}" || true
    fi
}

# `sudo ./dev ...` installs as root and does the rest as the owner of the checkout, so that build/
# stays theirs. Called after packages_ensure with the whole command line.
become_checkout_owner() {
    ((EUID == 0)) || return 0
    local owner home
    owner=$(stat -c %u .)
    [[ $owner != 0 && $owner == "${SUDO_UID:-}" ]] || return 0
    home=$(getent passwd "$owner" | cut -d: -f6)
    exec setpriv --reuid "$owner" --regid "$SUDO_GID" --init-groups \
        env -u SUDO_UID HOME="${home:-/}" ./dev "$@"
}

# What tests/package-lock.json names, in tests/node_modules.
prepare_node_modules() {
    local installed=tests/node_modules/.package-lock.json
    [[ $installed -nt tests/package-lock.json ]] && return
    [[ $install == yes ]] ||
        fail "dev: npm packages of the tests are missing or old; install them with: npm ci --prefix tests"
    say "Installing the npm packages of the tests"
    npm ci --prefix tests --no-audit --no-fund --loglevel=error >/dev/null || fail "dev: npm ci failed"
    touch $installed
}
