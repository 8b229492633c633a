# shellcheck shell=bash
# ./dev stop: ends the ./dev run of this checkout, and returns when nothing of it is left.

dev_stop() {
    (($# == 0)) || fail_usage "dev stop: takes no arguments"
    local demo=build/demo pid
    if [[ ! -f $demo/lock ]]; then
        say "Nothing of this checkout is running."
        return
    fi
    exec {lock}<$demo/lock
    if flock -n "$lock"; then
        say "Nothing of this checkout is running."
        return
    fi
    # The lock is held, so the number in the file is that of the holder.
    pid=$(cat $demo/pid 2>/dev/null) || fail "dev stop: the demo is just starting; try again"
    kill -TERM "$pid" || fail "dev stop: the demo is run by another user; stop it as that user"
    flock -w 90 "$lock" || fail "dev stop: process $pid has not stopped after 90 s"
    say "Stopped."
}
