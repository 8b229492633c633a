# shellcheck shell=bash
# ./dev run: walpiper on a private PostgreSQL, until Ctrl-C.
#
# This shell starts three children (PostgreSQL, walpiper, the load) and stops them in the opposite
# order, however it ends. The lock on build/demo/lock says that a demo runs, build/demo/pid whose it is.

# shellcheck source=tools/packages.sh
. tools/packages.sh
# shellcheck source=tools/build.sh
. tools/build.sh
# shellcheck source=tools/postgres.sh
. tools/postgres.sh

demo=build/demo
postgres_log=$PWD/$demo/postgres.log
walpiper_log=$PWD/$demo/walpiper.log
walpiper_pid=
load_pid=
up=no

dev_run() {
    read_install_option "$@"
    local load=no argument
    for argument in "${rest[@]}"; do
        [[ $argument == --load ]] || fail_usage "dev run: no option '$argument'"
        load=yes
    done
    run_packages
    become_checkout_owner run "$@"
    build_tree release -Dtests=disabled || exit 1
    run_lock
    trap run_stop_all EXIT
    trap run_signalled INT TERM HUP PIPE
    run_database
    run_walpiper
    [[ $load == no ]] || run_load
    up=yes
    run_welcome
    run_watch
}

run_packages() {
    local -a wanted=("${packages_to_build[@]}")
    # With a server of one's own, only the clients of this one are needed.
    if [[ -n ${DATABASE_URL:-} ]]; then
        wanted+=(postgresql-client-15 curl)
    else
        wanted+=("${packages_to_run[@]}")
    fi
    packages_ensure "${wanted[@]}"
}

run_lock() {
    mkdir -p "$demo"
    exec {lock}>>"$demo/lock"
    flock -n "$lock" || fail "dev run: a demo of this checkout is running already; stop it with: ./dev stop"
    printf '%s\n' $$ >"$demo/pid"
}

# Sets and exports DATABASE_URL, with schema and demo tables loaded.
run_database() {
    journal=$demo/journal
    if [[ -n ${DATABASE_URL:-} ]]; then
        # It may hold a password, which is never printed.
        # shellcheck disable=SC2016
        psql_target='"$DATABASE_URL"'
        journal=$demo/journal-$(printf '%s' "$DATABASE_URL" | sha256sum | cut -c1-8)
    else
        : >"$postgres_log"
        postgres_start
        run_create_database
        DATABASE_URL=$(postgres_url demo)
        psql_target="'$DATABASE_URL'"
    fi
    export DATABASE_URL
    local file
    for file in sql/schema.sql sql/demo/*.sql; do
        run_psql "$DATABASE_URL" -f "$file" || fail "dev run: $file could not be loaded"
    done
}

run_psql() {
    PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 "$@" </dev/null
}

run_create_database() {
    local url
    url=$(postgres_url postgres)
    [[ $(run_psql "$url" -Atc "SELECT 1 FROM pg_database WHERE datname = 'demo'") == 1 ]] ||
        run_psql "$url" -c 'CREATE DATABASE demo'
}

# Starts walpiper and waits until it says that it is up. Sets curl_options and base_url.
run_walpiper() {
    export WALPIPER_LISTEN=${WALPIPER_LISTEN:-127.0.0.1:$(run_free_port 0 LISTEN)}
    export WALPIPER_ADMIN_LISTEN=${WALPIPER_ADMIN_LISTEN:-127.0.0.1:$(run_free_port 1 ADMIN_LISTEN)}
    export WALPIPER_JOURNAL=$journal
    curl_options=()
    base_url=http://$WALPIPER_LISTEN
    if [[ $WALPIPER_LISTEN == unix:* ]]; then
        curl_options=(--unix-socket "${WALPIPER_LISTEN#unix:}")
        base_url=http://localhost
    fi
    setsid setpriv --pdeathsig TERM "$PWD/build/release/src/walpiper" run -c config/walpiper.yaml \
        >"$walpiper_log" 2>&1 </dev/null {lock}>&- &
    walpiper_pid=$!
    local deadline=$((SECONDS + 60))
    until run_healthy; do
        kill -0 $walpiper_pid 2>/dev/null || run_gave_up "walpiper did not start"
        ((SECONDS < deadline)) || run_gave_up "walpiper is not up after 60 s"
        sleep 0.1
    done
}

run_healthy() {
    local answer
    answer=$(curl -fsS --noproxy '*' --max-time 2 "${curl_options[@]}" \
        "$base_url/manage/health" 2>/dev/null) || return
    [[ $answer == *'"UP"'* ]]
}

# run_free_port DIGIT VARIABLE: the first of 400DIGIT, 401DIGIT ... on which nobody listens.
run_free_port() {
    local port
    for port in 40{0..9}"$1"; do
        if ! (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s' "$port"
            return
        fi
    done
    fail "dev run: ports 400$1, 401$1 ... 409$1 are all taken; choose one with WALPIPER_$2=127.0.0.1:PORT"
}

run_gave_up() {
    tail -n 20 "$walpiper_log" >&2
    fail "dev run: $1; its log is $walpiper_log"
}

run_load() {
    setsid setpriv --pdeathsig TERM \
        psql -X -q -v ON_ERROR_STOP=1 "$DATABASE_URL" -f tools/load.sql \
        >"$demo/load.log" 2>&1 </dev/null {lock}>&- &
    load_pid=$!
}

run_welcome() {
    local curl="curl -N"
    ((${#curl_options[@]} == 0)) || curl+=" ${curl_options[*]}"
    cat <<END

walpiper is up at $WALPIPER_LISTEN, its log is $walpiper_log
/metrics and /status are at $WALPIPER_ADMIN_LISTEN
Three commands to paste into another terminal: subscribe, insert, stop.

  $curl $base_url/events -H 'X-Consumer-Id: toto'

  psql $psql_target -c "insert into events (type, timestamp, subscriber, payload) values ('insert', now(), 'toto', '{\"foo\": \"bar\"}')"

  $PWD/dev stop

END
    say "Ctrl-C stops everything; the data is kept for the next start."
}

# Returns only to fail: one of the children has ended by itself.
run_watch() {
    while :; do
        # shellcheck disable=SC2086 # some are not there
        wait -n $walpiper_pid $postgres_pid $load_pid || true
        kill -0 $walpiper_pid 2>/dev/null || run_gave_up "walpiper has stopped by itself"
        [[ -z $postgres_pid ]] || kill -0 "$postgres_pid" 2>/dev/null ||
            postgres_gave_up "has stopped by itself"
        [[ -z $load_pid ]] || kill -0 "$load_pid" 2>/dev/null || run_load_again
    done
}

# The server was away for a moment.
run_load_again() {
    sleep 1 &
    wait $!
    run_load
}

run_signalled() {
    if [[ $up == yes ]]; then
        exit 0
    fi
    exit 130
}

run_stop_all() {
    local status=$?
    # Nothing may cut this short, neither a second Ctrl-C nor a closed terminal.
    trap '' INT TERM HUP PIPE
    trap - EXIT
    set +e
    run_stop_child "$load_pid" TERM
    run_stop_child "$walpiper_pid" TERM
    run_stop_child "$postgres_pid" INT
    [[ ${postgres_socket_dir:-} == "${postgres_dir:-}" ]] || rmdir "$postgres_socket_dir" 2>/dev/null
    rm -f "$demo/pid"
    [[ $up == no ]] || say "Stopped." 2>/dev/null
    exit $status
}

# run_stop_child PID SIGNAL: asks, waits 30 s, then kills.
run_stop_child() {
    [[ -n $1 ]] || return
    kill -s "$2" "$1" 2>/dev/null || return
    local deadline=$((SECONDS + 30))
    while kill -0 "$1" 2>/dev/null; do
        ((SECONDS < deadline)) || kill -KILL "$1" 2>/dev/null
        sleep 0.05
    done
    wait "$1" 2>/dev/null
}
