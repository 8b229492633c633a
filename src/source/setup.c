#include "source/setup.h"
#include "base/clock.h"
#include "source/setup_steps.h"

/* One question to the server: send() asks, the next step follows when it was answered. */
struct setup_step {
    void (*send)(struct setup *setup);
    bool types_only; /* part of the short setup that only reads types */
};

static void step_done(void *owner, const struct error *err);

/* --- what a step does ------------------------------------------------------------------------- */

void setup_refuse(struct setup *s, const struct error *err)
{
    if (s->failure.code == 0)
        s->failure = *err;
}

void setup_query(struct setup *s, const char *sql, const char *const *values, int count,
                 pg_on_result on_result)
{
    pg_conn_send(s->conn, &(struct pg_statement){.sql = sql,
                                                 .values = values,
                                                 .parameter_count = count,
                                                 .on_result = on_result});
    pg_conn_sync(s->conn, step_done);
}

void setup_query_publication(struct setup *s, const char *sql, pg_on_result on_result)
{
    const char *values[] = {s->config->publication};
    setup_query(s, sql, values, 1, on_result);
}

void setup_skip(struct setup *s)
{
    pg_conn_sync(s->conn, step_done);
}

void setup_again(struct setup *s, unsigned ms)
{
    s->again_ms = ms;
}

uint64_t setup_unseen_ms(const struct setup *s)
{
    return s->unseen_since ? clock_monotonic_ms() - s->unseen_since : 0;
}

/* --- the order -------------------------------------------------------------------------------- */

static void setup_end(struct setup *s, const struct error *err)
{
    setup_cancel(s);
    s->on_done(s->owner, err);
}

static const struct setup_step steps[] = {
    {setup_send_server, false},
    {setup_send_tables, false},
    {setup_send_publication, false},
    {setup_send_unpublished, false},
    {setup_send_publish, false},
    {setup_send_columns, false},
    {setup_send_filtered, false},
    {setup_send_partitioned, false},
    {setup_send_slot, false},
    {setup_send_shape, false},
    {setup_send_seen, true}, /* before the catalog is looked at */
    {setup_send_types, true},
    {setup_send_relations, false},
    {setup_send_partitions, false},
    {setup_send_unmarked, false},
    {setup_send_marked, false},
    {setup_send_relation, true},
    {NULL, true},
};

static void run_step(struct setup *s)
{
    while (!s->facts && !s->step->types_only)
        s->step++;
    if (s->step->send)
        s->step->send(s);
    else
        setup_end(s, NULL);
}

static void on_again(struct ev_loop *ev, ev_timer *timer, int events)
{
    (void)ev;
    (void)events;
    run_step(timer->data);
}

static void take_next(struct setup *s)
{
    unsigned after_ms = s->again_ms;
    s->again_ms = 0;
    if (after_ms == 0) {
        s->step++;
        run_step(s);
        return;
    }
    ev_timer_set(&s->again, after_ms / 1000., 0.);
    ev_timer_start(s->loop->ev, &s->again);
}

static void step_done(void *owner, const struct error *err)
{
    struct setup *s = owner;
    struct error failure = s->failure.code ? s->failure : (struct error){0};
    if (!failure.code && err) {
        failure = *err;
        if (strncmp(err->sqlstate, "42501", 5) == 0) {
            failure.code = -EPERM;
            error_prefix(&failure, "publication %s", s->config->publication);
        }
    }
    if (failure.code) {
        setup_end(s, &failure);
        return;
    }
    take_next(s);
}

static void on_ready(void *owner)
{
    run_step(owner);
}

static void on_closed(void *owner, const struct error *why)
{
    setup_end(owner, why);
}

int setup_start(struct setup *s, struct error *err)
{
    static const struct pg_conn_events events = {.on_ready = on_ready, .on_closed = on_closed};
    s->step = steps;
    error_clear(&s->failure);
    s->publication_exists = false;
    s->again_ms = 0;
    s->unseen_since = 0;
    ev_timer_init(&s->again, on_again, 0., 0.);
    s->again.data = s;
    buffer_init(&s->missing, SQL_MAX);
    return pg_conn_start(&s->conn, s->loop, s->params, &events, s, err);
}

void setup_cancel(struct setup *s)
{
    if (ev_is_active(&s->again))
        ev_timer_stop(s->loop->ev, &s->again);
    pg_conn_close(s->conn);
    s->conn = NULL;
    s->unseen_since = 0;
    buffer_release(&s->missing);
}
