#include "room.h"
#include "base/log.h"
#include "temp_dir.h"
#include <stdio.h>
#include <string.h>

struct room room;

static char directory[TEMP_DIR_MAX];
static struct config_operator_source sources[2];
static struct pg_params params, target;

void setup(void)
{
    struct error err = {0};
    temp_dir_make(directory, "operators");
    struct journal_options options = {
        .path = directory, .ring_bytes = 1 << 20, .batch_bytes = 1 << 16, .ahead_bytes = 1 << 20};
    ck_assert_msg(journal_open(&room.journal, &options, &err) == 0, "%s", err.text);
    struct journal_identity identity = {.system_identifier = 1, .database = "d", .slot = "s"};
    ck_assert_int_eq(journal_begin_epoch(room.journal, &identity, 50, &err), 0);
    journal_epoch(room.journal, room.epoch);
    ck_assert_int_eq(loop_init(&room.loop), 0);
    room.health = health_new();
    room.op = blog_operator(sources);
    room.reader = 0;
    params = target = (struct pg_params){0};
    room.config = (struct config){
        .operators = &room.op, .operator_count = 1, .state_schema = TEXT("walpiper")};
    room.config.retry.min_restart_ms = 1;
    room.config.retry.max_restart_ms = 20;
    room.config.retry.multiplicator = 2;
    room.config.retry.max_retries = 2;
    room.counters = (struct operator_counters){0};
    room.ordinal = 0;
    server_reset();
    log_configure(LOG_ERROR + 1, LOG_LOGFMT);
}

void teardown(void)
{
    operators_free(room.ops);
    room.ops = NULL;
    loop_release(&room.loop);
    journal_close(room.journal);
    health_free(room.health);
    temp_dir_remove(directory);
}

void set_apart(void)
{
    static struct config_database elsewhere;
    room.op.database = &elsewhere;
    params.database = "sources";
    target.database = "target";
}

void start(void)
{
    struct operators_context context = {.config = &room.config,
                                        .journal = room.journal,
                                        .health = room.health,
                                        .params = &params,
                                        .targets = &target,
                                        .reader = &room.reader,
                                        .counters = &room.counters,
                                        .progress = &room.progress};
    struct error err = {0};
    ck_assert_msg(operators_start(&room.ops, &room.loop, &context, &err) == 0, "%s", err.text);
}

/* --- running the loop until something is true ------------------------------------------------ */

struct until {
    bool (*is_true)(const void *what);
    const void *what;
    double deadline;
};

static void on_look(struct ev_loop *ev, ev_timer *timer, int events)
{
    const struct until *until = timer->data;
    if (until->is_true(until->what) || ev_now(ev) > until->deadline)
        loop_stop(&room.loop);
}

void run_until(bool (*is_true)(const void *what), const void *what)
{
    struct until until = {is_true, what, ev_time() + 20.};
    ev_timer timer;
    ev_timer_init(&timer, on_look, 0.001, 0.001);
    timer.data = &until;
    ev_timer_start(room.loop.ev, &timer);
    loop_run(&room.loop);
    ev_timer_stop(room.loop.ev, &timer);
    ck_assert_msg(is_true(what), "waited in vain; the server did:\n%.3000s", server.history.data);
}

bool did(const void *what)
{
    return server_did(what);
}

bool is_down(const void *what)
{
    char text[512];
    return !health_read(room.health, text, sizeof(text)) && strstr(text, what);
}

bool is_up(const void *what)
{
    char text[512];
    return health_read(room.health, text, sizeof(text));
}

static bool journal_is_idle(const void *what)
{
    return journal_idle(room.journal);
}

/* --- filling the journal --------------------------------------------------------------------- */

void append(enum event_type type, const struct relation *relation, const char *const *new_row,
            const char *const *old_row)
{
    struct buffer record;
    buffer_init(&record, 65536);
    encode_row(&record, type, relation, 700, new_row, old_row);
    struct position position = {.lsn = 0x100, .ordinal = ++room.ordinal};
    ck_assert_int_eq(journal_append(room.journal, position, buffer_str(&record), NULL), 0);
    buffer_release(&record);
}

void flush(void)
{
    journal_flush(room.journal);
    run_until(journal_is_idle, NULL);
}

void start_at_beginning(void)
{
    server.checkpoint[1] = room.epoch;
    server.checkpoint[2] = "0/32";
    start();
}

static void on_prepare(struct ev_loop *ev, ev_prepare *prepare, int events)
{
    if (server_did(prepare->data))
        loop_stop(&room.loop);
}

void run_just_until(const char *what)
{
    ev_prepare prepare;
    ev_prepare_init(&prepare, on_prepare);
    prepare.data = (void *)(uintptr_t)what;
    ev_prepare_start(room.loop.ev, &prepare);
    loop_run(&room.loop);
    ev_prepare_stop(room.loop.ev, &prepare);
}

void append_posts(unsigned count)
{
    char id[16];
    for (unsigned i = 1; i <= count; i++) {
        snprintf(id, sizeof(id), "%u", i);
        append(EVENT_INSERT, &posts, ROW(id, "t"), NULL);
    }
    flush();
}
