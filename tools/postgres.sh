# shellcheck shell=bash
# A private PostgreSQL of this checkout: its own data directory, its own socket, no TCP port.
#
# PostgreSQL refuses to run as root, so root's server runs as user postgres, in a directory that user
# can reach: build/demo/postgres, or, when the checkout lies in a closed place such as /root, one
# under /var/tmp.

postgres_bin=${POSTGRES_BIN:-/usr/lib/postgresql/15/bin}
postgres_port=5432 # only part of the socket's name
postgres_pid=

# as_postgres COMMAND...: as ourselves, or as user postgres for root. That user may not be able to
# enter the checkout, so paths must be absolute.
as_postgres() (
    cd /
    if ((EUID == 0)); then
        exec setpriv --reuid postgres --regid postgres --init-groups "$@"
    else
        exec "$@"
    fi
)

# Sets postgres_dir (data and log) and postgres_socket_dir, and makes both.
postgres_choose_directories() {
    postgres_dir=$PWD/build/demo/postgres
    if ! as_postgres test -x "$PWD/build/demo"; then
        postgres_dir=/var/tmp/walpiper-$(checkout_hash)
    fi
    postgres_make_directory "$postgres_dir"
    postgres_socket_dir=$postgres_dir
    # A socket's path holds at most 107 bytes.
    local socket=$postgres_socket_dir/.s.PGSQL.$postgres_port
    if ((${#socket} > 107)); then
        postgres_socket_dir=/tmp/walpiper-$(checkout_hash)-$EUID
        postgres_make_directory "$postgres_socket_dir"
    fi
}

# Makes DIR, or takes it when it is a directory of the server's own user: others may write in /tmp.
postgres_make_directory() {
    local owner
    owner=$(as_postgres id -un)
    if [[ ! -e $1 && ! -L $1 ]]; then
        install -d -m 0700 -o "$owner" "$1"
    fi
    if [[ -L $1 || ! -d $1 || $(stat -c %U "$1") != "$owner" ]]; then
        fail "dev: $1 must be a directory of user $owner; remove it and start again"
    fi
}

# Starts the server as a child of this shell. It dies with it, even when that is killed.
postgres_start() {
    [[ -x $postgres_bin/postgres ]] ||
        fail "dev: no PostgreSQL 15 in $postgres_bin; say where it is with POSTGRES_BIN"
    postgres_choose_directories
    local data=$postgres_dir/data
    [[ -f $data/PG_VERSION ]] || postgres_init "$data"
    local -a settings=(
        -c listen_addresses= -c port="$postgres_port"
        -c unix_socket_directories="$postgres_socket_dir" -c unix_socket_permissions=0700
        -c wal_level=logical -c max_wal_senders=10 -c max_replication_slots=10
        -c timezone=UTC -c logging_collector=off
    )
    postgres_knows output_plugin_libraries &&
        settings+=(-c 'output_plugin_libraries=pgoutput, test_decoding, wal2json')
    # The lock of ./dev run is not the server's to hold.
    as_postgres_child "$postgres_bin/postgres" -D "$data" "${settings[@]}" \
        >>"$postgres_log" 2>&1 </dev/null {lock}>&- &
    postgres_pid=$!
    postgres_wait
}

# A process of its own session, so that Ctrl-C reaches only ./dev, which stops things in order.
as_postgres_child() {
    cd /
    if ((EUID == 0)); then
        exec setsid setpriv --reuid postgres --regid postgres --init-groups --pdeathsig INT "$@"
    else
        exec setsid setpriv --pdeathsig INT "$@"
    fi
}

postgres_init() {
    say "Creating a private PostgreSQL in $postgres_dir"
    local half=$1.half # an interrupted initdb is not taken for a cluster
    rm -rf "$half"
    postgres_initdb "$half" >>"$postgres_log" 2>&1 ||
        fail "dev: initdb failed; see $postgres_log"
    as_postgres mv "$half" "$1"
}

# postgres_initdb DIR [option...]
postgres_initdb() {
    as_postgres "$postgres_bin/initdb" -D "$1" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 "${@:2}"
}

# Since 15.19 a server lists the plugins it permits; older ones do not start with that setting.
postgres_knows() {
    "$postgres_bin/postgres" --describe-config | grep "^$1	" >/dev/null
}

postgres_wait() {
    local deadline=$((SECONDS + 60))
    until as_postgres "$postgres_bin/pg_isready" -q -h "$postgres_socket_dir" -p "$postgres_port"; do
        kill -0 "$postgres_pid" 2>/dev/null || postgres_gave_up "stopped"
        ((SECONDS < deadline)) || postgres_gave_up "does not answer"
        sleep 0.1
    done
}

postgres_gave_up() {
    tail -n 5 "$postgres_log" >&2
    fail "dev: PostgreSQL $1; its log is $postgres_log"
}

# postgres_url DATABASE: a libpq URI of the private server.
postgres_url() {
    printf 'postgresql:///%s?host=%s&port=%s&user=postgres' "$1" \
        "$(percent_encode "$postgres_socket_dir")" "$postgres_port"
}

percent_encode() {
    local LC_ALL=C i character
    for ((i = 0; i < ${#1}; i++)); do
        character=${1:i:1}
        case $character in
        [a-zA-Z0-9/._~-]) printf '%s' "$character" ;;
        *) printf '%%%02X' $(($(printf '%d' "'$character") & 255)) ;;
        esac
    done
}
