/* What each transaction of a batch stores: with a server that is not there. */
#include "blog.h"
#include "event/id.h"
#include "operator/batch.h"
#include "server.h"
#include "unit.h"

static struct loop loop;
static struct config_operator_source sources[2];
static struct config_operator op;
static struct config config;
static struct session session;
static struct op_batch batch;
static struct parked parked;
static bool done;

static void on_ready(void *owner)
{
    loop_stop(&loop);
}

static void on_closed(void *owner, const struct error *why)
{
    ck_abort_msg("%s", why->text);
}

static void on_done(void *owner, const struct error *err)
{
    done = true;
    loop_stop(&loop);
}

static void setup(enum config_form form)
{
    static const struct pg_conn_events events = {.on_ready = on_ready, .on_closed = on_closed};
    static struct lane_group group;
    const struct lane lane = {.count = 1, .group = &group};
    struct error err = {0};
    op = blog_operator(sources);
    op.form = form;
    config.retry.min_restart_ms = config.retry.max_restart_ms = 1;
    config.retry.max_retries = 1;
    server_reset();
    ck_assert_int_eq(loop_init(&loop), 0);
    session_init(&session, &loop, NULL, &op, &lane, NULL);
    ck_assert_int_eq(pg_conn_start(&session.conn, &loop, NULL, &events, &session, &err), 0);
    loop_run(&loop);
    op_batch_init(&batch, BATCH_LIVE, 10);
    memcpy(batch.epoch, "7f3a91c2", sizeof("7f3a91c2"));
    batch.position = (struct position){0x200, 9};
}

static void teardown(void)
{
    session_release(&session);
    op_batch_release(&batch);
    loop_release(&loop);
}

/* Runs the loop until the server has answered what was sent, and gives what it did. */
static const char *answered(void)
{
    done = false;
    loop_run(&loop);
    ck_assert(done);
    return server.history.data;
}

static void add_events(unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        char id[EVENT_ID_MAX], json[16];
        event_id_format(batch.epoch, (struct position){0x100, i}, id);
        snprintf(json, sizeof(json), "{\"n\":%u}", i);
        ck_assert_int_eq(dirty_add_event(&batch.dirty, str_from(id), str_from(json)), 0);
    }
    ck_assert_int_eq(op_batch_arrange(&batch, &parked), 0);
}

START_TEST(test_a_part_of_ids_leaves_the_checkpoint_alone)
{
    setup(CONFIG_QUERY);
    for (const char *id = "4321"; *id; id++)
        ck_assert_int_eq(dirty_touch(&batch.dirty, (struct str){id, 1}, DIRTY_REFRESH), 0);
    ck_assert_int_eq(op_batch_arrange(&batch, &parked), 0);
    bisect_tell(&batch.bisect, true);
    op_batch_send_part(&batch, &config, &session, on_done);
    ck_assert_str_eq(answered(), "fence | query 4 | query 3 | -> ok\n");
    op_batch_part_done(&batch, &op);
    ck_assert_uint_eq(batch.stored, 0);
    teardown();
}
END_TEST

START_TEST(test_a_part_of_events_moves_the_checkpoint_to_its_last)
{
    setup(CONFIG_CALL);
    add_events(4);
    bisect_tell(&batch.bisect, true);
    op_batch_send_part(&batch, &config, &session, on_done);
    ck_assert_str_eq(answered(), "advance 0/100/2 | query {\"n\":1} | query {\"n\":2} | -> ok\n");
    op_batch_part_done(&batch, &op);
    server_forget();
    op_batch_send_rest(&batch, &parked, &config, &session, on_done);
    ck_assert_str_eq(answered(), "advance 0/200/9 | query {\"n\":3} | query {\"n\":4} | -> ok\n");
    teardown();
}
END_TEST

START_TEST(test_a_bad_event_is_set_aside_where_the_checkpoint_passes_it)
{
    setup(CONFIG_CALL);
    add_events(8);
    while (bisect_want(&batch.bisect) != BISECT_BAD)
        bisect_tell(&batch.bisect, true);
    ck_assert_int_eq(dirty_set_failure(batch.work[0], "bad", "22023"), 0);
    bisect_drop(&batch.bisect);
    bisect_tell(&batch.bisect, true);
    ck_assert_int_eq(bisect_want(&batch.bisect), BISECT_PART);
    op_batch_send_part(&batch, &config, &session, on_done);
    ck_assert_ptr_nonnull(strstr(answered(), " | park 7f3a91c2-100-1 | -> ok"));
    op_batch_part_done(&batch, &op);
    server_forget();
    op_batch_send_rest(&batch, &parked, &config, &session, on_done);
    ck_assert_ptr_null(strstr(answered(), "park"));
    teardown();
}
END_TEST

START_TEST(test_events_are_as_they_are_and_ids_are_not_called_for)
{
    setup(CONFIG_CALL);
    ck_assert_int_eq(dirty_touch(&batch.dirty, STR("of a former query"), DIRTY_REFRESH), 0);
    add_events(1);
    op_batch_send_rest(&batch, &parked, &config, &session, on_done);
    ck_assert_str_eq(answered(), "advance 0/200/9 | query {\"n\":1} | -> ok\n");
    teardown();
}
END_TEST

START_TEST(test_what_begins_a_rebuild_anew_writes_into_no_new_table)
{
    setup(CONFIG_QUERY);
    session.shadow.open = true;
    batch.rebuild = true;
    ck_assert_int_eq(dirty_touch(&batch.dirty, STR("4"), DIRTY_REFRESH), 0);
    ck_assert_int_eq(op_batch_arrange(&batch, &parked), 0);
    op_batch_send_rest(&batch, &parked, &config, &session, on_done);
    ck_assert_str_eq(answered(), "rebuild_begin 0/200/9 | query 4 | -> ok\n");
    teardown();
}
END_TEST

START_TEST(test_a_rebuild_into_a_new_table_writes_there_and_keeps_what_is_parked)
{
    setup(CONFIG_QUERY);
    ck_assert_int_eq(parked_add(&parked, STR("3")), 0);
    session.shadow.open = true;
    batch.kind = BATCH_REBUILD;
    batch.step = 1;
    for (const char *id = "432"; *id; id++)
        ck_assert_int_eq(dirty_touch(&batch.dirty, (struct str){id, 1}, DIRTY_REFRESH), 0);
    ck_assert_int_eq(op_batch_arrange(&batch, &parked), 0);
    op_batch_send_rest(&batch, &parked, &config, &session, on_done);
    ck_assert_str_eq(answered(),
                     "rebuild_advance 1 | swap_enter counts | swap_query 4 | swap_query 2 | "
                     "swap_leave | touch_parked 3 | swap_keep {\"3\"} | -> ok\n");
    parked_clear(&parked);
    teardown();
}
END_TEST

UNIT_SUITE("operator/batch", test_a_part_of_ids_leaves_the_checkpoint_alone,
           test_a_part_of_events_moves_the_checkpoint_to_its_last,
           test_a_bad_event_is_set_aside_where_the_checkpoint_passes_it,
           test_events_are_as_they_are_and_ids_are_not_called_for,
           test_what_begins_a_rebuild_anew_writes_into_no_new_table,
           test_a_rebuild_into_a_new_table_writes_there_and_keeps_what_is_parked)
