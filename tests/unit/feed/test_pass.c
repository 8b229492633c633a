#include "feed/pass.h"

#include "feed/router_fixture.h"
#include "feed/router_internal.h"
#include <fcntl.h>

static const struct comment in_nine = {"9", "9", "hi"};

/* How many passes catch up, and the first of them. */
static size_t open_passes(struct pass **ret_first)
{
    size_t count = 0;

    for (unsigned i = PASS_LIVE + 1; i < PASSES; i++) {
        if (router->passes[i].cursor != NULL && count++ == 0)
            *ret_first = &router->passes[i];
    }
    return count;
}

/* Subscribers that come back together, each with an id of its own and nothing in common, share one
 * reading. */
START_TEST(test_many_share_one_pass)
{
    enum { SINKS = 300, RECORDS = 9000 };
    static struct sink sinks[SINKS];
    static struct position at[RECORDS];
    struct pass *pass;

    setup(0);
    for (int i = 0; i < RECORDS; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i % SINKS);
        at[i] = insert(&(struct comment){id, "7", "hi"});
    }
    settle(RECORDS);
    for (int i = 0; i < SINKS; i++) {
        char path[32];
        snprintf(path, sizeof(path), "comments/%d", i);
        subscribe(&sinks[i], path, PLENTY, &at[(i * 37) % SINKS]);
    }
    fixture_turn(&fixture);
    ck_assert_uint_eq(open_passes(&pass), 1);
    for (int i = 0; i < SINKS; i++)
        ck_assert_ptr_eq(sinks[i].subscriber.pass, pass);
    for (int i = 0; i < SINKS; i++) {
        struct position expected[RECORDS / SINKS];
        size_t count = 0;
        until_live(&sinks[i]);
        for (int n = (i * 37) % SINKS + 1; n < RECORDS; n++) {
            if (n % SINKS == i)
                expected[count++] = at[n];
        }
        assert_received(&sinks[i], expected, count);
        ck_assert_int_eq(sinks[i].resets, 0);
        unsubscribe(&sinks[i]);
    }
    ck_assert_uint_eq(open_passes(&pass), 0);
    teardown();
}
END_TEST

/* One whose sink was full goes on with the next record from where it stood: nothing is read again
 * for it. */
START_TEST(test_a_pass_waits_for_its_only_rider)
{
    struct sink sink;
    struct position at[20];
    struct pass *pass;

    setup(0);
    for (int i = 0; i < 20; i++)
        at[i] = insert(i == 3 || i > 10 ? &in_eight : &in_seven);
    settle(20);
    subscribe(&sink, "posts/8/comments", 2, &at[0]);
    FIXTURE_UNTIL(&fixture, sink.wants_room);
    assert_received(&sink, (struct position[]){at[3], at[11]}, 2);
    ck_assert_uint_eq(open_passes(&pass), 1);
    ck_assert(pass->holds_entry);
    const struct journal_cursor *cursor = pass->cursor;
    ck_assert_int_eq(position_compare(journal_cursor_position(cursor), at[12]), 0);
    give_room(&sink, 1);
    FIXTURE_UNTIL(&fixture, sink.wants_room);
    ck_assert_ptr_eq(pass->cursor, cursor);
    assert_received(&sink, (struct position[]){at[3], at[11], at[12]}, 3);
    give_room(&sink, PLENTY);
    until_live(&sink);
    ck_assert_uint_eq(sink.count, 10);
    unsubscribe(&sink);
    teardown();
}
END_TEST

/* More replays than passes, all of them far apart: who comes last is served long before the others
 * are through. */
START_TEST(test_everyone_has_a_turn)
{
    enum { OTHERS = 140000 };
    struct sink deep[PASSES - 1], last;
    struct position start[PASSES];

    setup(0);
    for (int i = 0; i < PASSES; i++) {
        start[i] = insert(&in_seven);
        fixture.lsn += 64 << 20;
    }
    struct position wanted = insert(&in_eight);
    for (int i = 0; i < OTHERS; i++)
        insert(&in_seven);
    insert(&in_nine);
    sync_without_a_turn();
    FIXTURE_UNTIL(&fixture, !router->behind);
    for (int i = 0; i < PASSES - 1; i++)
        subscribe(&deep[i], "posts/9/comments", PLENTY, &start[i]);
    subscribe(&last, "posts/8/comments", PLENTY, &start[PASSES - 1]);
    FIXTURE_UNTIL(&fixture, last.count == 1);
    assert_received(&last, &wanted, 1);
    for (int i = 0; i < PASSES - 1; i++)
        ck_assert_uint_eq(deep[i].count, 0);
    for (int i = 0; i < PASSES - 1; i++) {
        until_live(&deep[i]);
        ck_assert_uint_eq(deep[i].count, 1);
        unsubscribe(&deep[i]);
    }
    unsubscribe(&last);
    teardown();
}
END_TEST

/* Who rides on a pass that retention has overtaken, but is ahead of it, has lost nothing. */
START_TEST(test_expired_behind_a_rider)
{
    struct sink behind, ahead;
    struct position first = {0, 0}, oldest, newest, last;

    setup(20000);
    for (int i = 0; i < 400; i++) {
        struct position position = insert(&in_seven);
        if (i == 0)
            first = position;
        fixture_sync(&fixture);
    }
    FIXTURE_UNTIL(&fixture, journal_bounds(fixture.journal, &oldest, &newest) &&
                                position_compare(oldest, first) > 0);
    settle(400);
    oldest = earliest_position();
    subscribe(&behind, "comments", PLENTY, &first);
    subscribe(&ahead, "comments", PLENTY, &oldest);
    FIXTURE_UNTIL(&fixture, behind.resets > 0);
    until_live(&ahead);
    ck_assert_int_eq(behind.reason, RESET_EXPIRED);
    ck_assert_uint_eq(behind.count, 0);
    ck_assert_int_eq(ahead.resets, 0);
    ck_assert_uint_gt(ahead.count, 0);
    ck_assert_int_gt(position_compare(ahead.received[0], oldest), 0);
    last = ahead.received[ahead.count - 1];
    ck_assert_int_eq(position_compare(last, newest), 0);
    unsubscribe(&behind);
    unsubscribe(&ahead);
    teardown();
}
END_TEST

/* The same when it is the live pass that was overtaken, and the rider came after what was removed.
 */
START_TEST(test_expired_behind_a_live_one)
{
    struct sink behind, ahead;
    struct position first = {0, 0}, oldest, newest;

    setup(20000);
    subscribe(&behind, "comments", PLENTY, NULL);
    for (int i = 0; i < 400; i++) {
        struct position position = insert(&in_seven);
        if (i == 0)
            first = position;
        sync_without_a_turn();
    }
    ck_assert(journal_bounds(fixture.journal, &oldest, &newest));
    ck_assert_int_gt(position_compare(oldest, first), 0);
    subscribe(&ahead, "comments", PLENTY, NULL);
    FIXTURE_UNTIL(&fixture, behind.resets > 0);
    ck_assert_int_eq(behind.reason, RESET_EXPIRED);
    struct position next = insert(&in_seven);
    fixture_sync(&fixture);
    FIXTURE_UNTIL(&fixture, behind.count > 0 && ahead.count > 0);
    assert_received(&behind, &next, 1);
    assert_received(&ahead, &next, 1);
    ck_assert_int_eq(ahead.resets, 0);
    unsubscribe(&behind);
    unsubscribe(&ahead);
    teardown();
}
END_TEST

/* A new epoch ends the positions of those who ride and of those who wait for a pass. */
START_TEST(test_epoch_under_riders)
{
    struct sink riding, pending;
    struct position earliest;

    setup(0);
    for (int i = 0; i < 20000; i++)
        insert(&in_seven);
    sync_without_a_turn();
    FIXTURE_UNTIL(&fixture, !router->behind);
    earliest = earliest_position();
    subscribe(&riding, "posts/8/comments", PLENTY, &earliest);
    fixture_turn(&fixture);
    ck_assert_ptr_nonnull(riding.subscriber.pass);
    ck_assert_int_eq(riding.subscriber.mode, SUBSCRIBER_CATCHING_UP);
    subscribe(&pending, "comments", PLENTY, &earliest);
    fixture_begin_epoch(&fixture);
    fixture.lsn = 0x1000;
    FIXTURE_UNTIL(&fixture, riding.resets > 0 && pending.resets > 0);
    ck_assert_int_eq(riding.reason, RESET_EPOCH);
    ck_assert_int_eq(pending.reason, RESET_EPOCH);
    struct position first = insert(&in_eight);
    fixture_sync(&fixture);
    FIXTURE_UNTIL(&fixture, riding.count == 1 && pending.count == 1);
    assert_received(&riding, &first, 1);
    assert_received(&pending, &first, 1);
    unsubscribe(&riding);
    unsubscribe(&pending);
    teardown();
}
END_TEST

/* --- damage ---------------------------------------------------------------------------------- */

/* Changes a byte wherever MARK is on disk: in the block that has it, and in copies that are of no
 * use any more. */
static void damage(const char *mark)
{
    char path[TEMP_DIR_MAX + 16];

    snprintf(path, sizeof(path), "%s/data.mdb", fixture.path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    off_t size = lseek(fd, 0, SEEK_END);
    char *bytes = malloc((size_t)size);
    ck_assert_int_eq(pread(fd, bytes, (size_t)size, 0), size);
    size_t found = 0;
    for (char *at = bytes; (at = memmem(at, (size_t)(bytes + size - at), mark, strlen(mark)));
         at++, found++)
        ck_assert_int_eq(pwrite(fd, "?", 1, at - bytes), 1);
    ck_assert_uint_gt(found, 0);
    free(bytes);
    close(fd);
}

enum { DAMAGED_RECORD = 300, RECORDS_AROUND = 900 };

/* Records in many blocks, one in the middle damaged, most of them not in the ring any more. */
static void insert_damaged(struct position at[RECORDS_AROUND])
{
    for (int i = 0; i < RECORDS_AROUND; i++)
        at[i] =
            insert(&(struct comment){"1", "7", i == DAMAGED_RECORD ? "qZ8#kW5!vX2-jY6=" : "hi"});
    sync_without_a_turn();
    damage("qZ8#kW5!vX2-jY6=");
}

/* A damaged block is told once to each of those who needed it, and once to the operator of the
 * service; all go on behind it. */
START_TEST(test_damage)
{
    static struct position at[RECORDS_AROUND];
    struct sink live, replays[2], ahead;

    setup(0);
    struct position earliest = earliest_position();
    subscribe(&live, "comments", PLENTY, NULL);
    insert_damaged(at);
    FIXTURE_UNTIL(&fixture, live.resets == 1);
    ck_assert_int_eq(live.reason, RESET_DAMAGED);
    ck_assert_uint_gt(live.count, 0);
    ck_assert_uint_le(live.count, DAMAGED_RECORD);
    assert_received(&live, at, live.count);
    subscribe(&replays[0], "comments", PLENTY, &earliest);
    subscribe(&replays[1], "posts/7/comments", PLENTY, &at[0]);
    subscribe(&ahead, "comments", PLENTY, &at[RECORDS_AROUND / 2]);
    until_live(&replays[0]);
    until_live(&replays[1]);
    until_live(&ahead);
    ck_assert_int_eq(replays[0].reason, RESET_DAMAGED);
    ck_assert_int_eq(replays[0].resets, 1);
    ck_assert_int_eq(replays[1].resets, 1);
    assert_received(&replays[0], at, live.count);
    assert_received(&replays[1], &at[1], live.count - 1);
    ck_assert_int_eq(ahead.resets, 0);
    assert_received(&ahead, &at[RECORDS_AROUND / 2 + 1], RECORDS_AROUND / 2 - 1);
    ck_assert_uint_eq(damages, 1);
    size_t before = live.count;
    struct position next = insert(&in_seven);
    settle(before + 1);
    FIXTURE_UNTIL(&fixture, live.count == before + 1 && replays[0].count == before + 1);
    ck_assert_int_eq(position_compare(live.received[before], next), 0);
    ck_assert_int_eq(live.resets, 1);
    unsubscribe(&live);
    unsubscribe(&replays[0]);
    unsubscribe(&replays[1]);
    unsubscribe(&ahead);
    teardown();
}
END_TEST

/* --- all of it at random --------------------------------------------------------------------- */

enum { HISTORY_MAX = 30000, GUESTS = 24 };

/* What was appended, in order. */
static struct {
    struct position position;
    int id, post; /* 0: a truncate */
} history[HISTORY_MAX];
static size_t history_count;

/* A sink that knows what must come next. */
struct guest {
    struct subscriber subscriber;
    int id, post; /* 0: any */
    size_t room;
    size_t at; /* in the history: what is before it was received, or is none of its business */
    size_t received;
    bool may_expire;
};

static bool concerns(const struct guest *guest, size_t n)
{
    return history[n].id == 0 || ((guest->id == 0 || guest->id == history[n].id) &&
                                  (guest->post == 0 || guest->post == history[n].post));
}

static size_t history_after(struct position position)
{
    size_t n = 0;

    while (n < history_count && position_compare(history[n].position, position) <= 0)
        n++;
    return n;
}

static bool guest_has_room(void *owner)
{
    return ((struct guest *)owner)->room > 0;
}

static void guest_wants_room(void *owner)
{
    ck_assert_uint_eq(((struct guest *)owner)->room, 0);
}

static void guest_push(void *owner, const struct journal_entry *entry, const struct event *event)
{
    struct guest *guest = owner;

    while (guest->at < history_count && !concerns(guest, guest->at))
        guest->at++;
    ck_assert_uint_lt(guest->at, history_count);
    ck_assert_msg(position_compare(entry->position, history[guest->at].position) == 0,
                  "%" PRIx64 " instead of %" PRIx64, entry->position.lsn,
                  history[guest->at].position.lsn);
    guest->at++;
    guest->received++;
    guest->room--;
}

static void guest_reset(void *owner, enum reset_reason reason)
{
    struct guest *guest = owner;
    struct position oldest, newest;

    ck_assert(guest->may_expire);
    ck_assert_uint_lt(guest->at, history_count);
    ck_assert_int_eq(reason, RESET_EXPIRED);
    /* The journal says so a moment after it is so on disk. */
    while (journal_bounds(fixture.journal, &oldest, &newest) &&
           position_compare(oldest, history[guest->at].position) <= 0)
        usleep(1000);
    guest->at = history_after(subscriber_position(&guest->subscriber));
}

static const struct subscriber_ops guest_ops = {guest_has_room, guest_wants_room, guest_push,
                                                guest_reset, on_failed};

static void guest_start(struct guest *guest, const struct position *after)
{
    char id[16];
    struct str row[] = {STR("comments"), {id, 0}};
    struct str scope[] = {STR("posts"), {id, 0}, STR("comments")};
    struct topic topic;
    struct error err = {0};

    snprintf(id, sizeof(id), "%d", guest->id + guest->post);
    row[1].len = scope[1].len = strlen(id);
    int status = guest->post != 0 ? topic_parse(&topic, scope, 3, &err)
                                  : topic_parse(&topic, row, guest->id != 0 ? 2 : 1, &err);
    ck_assert_int_eq(status, 0);
    guest->subscriber = (struct subscriber){.ops = &guest_ops, .owner = guest};
    ck_assert_int_eq(subscriber_start(&guest->subscriber, router,
                                      &(struct subscription){.topic = topic}, 1, after, &err),
                     0);
    guest->at = history_after(subscriber_position(&guest->subscriber));
}

/* The next record of the same transaction, or of another one: near, or so far from the last that
 * some guests cannot ride together. */
static struct position next_at_random(unsigned *seed)
{
    static struct position last;

    if (rand_r(seed) % 3 == 0 && last.lsn == fixture.lsn) {
        last.ordinal++;
        return last;
    }
    if (rand_r(seed) % 8 == 0)
        fixture.lsn += (uint64_t)(rand_r(seed) % (8 << 20));
    last = fixture_next(&fixture);
    return last;
}

static void append_at_random(unsigned *seed)
{
    struct position position = next_at_random(seed);
    int row = 1 + rand_r(seed) % 4, parent = 7 + rand_r(seed) % 3;
    char id[16], post[16];

    snprintf(id, sizeof(id), "%d", row);
    snprintf(post, sizeof(post), "%d", parent);
    if (rand_r(seed) % 200 == 0) {
        row = parent = 0;
        record_truncate(&fixture.record, position);
    } else {
        record_comment(&fixture.record, position, NULL, &(struct comment){id, post, "hi"});
    }
    fixture_append(&fixture, position, NULL);
    ck_assert_uint_lt(history_count, HISTORY_MAX);
    history[history_count].position = position;
    history[history_count].id = row;
    history[history_count++].post = parent;
}

static void act_at_random(struct guest *guest, unsigned *seed)
{
    switch (rand_r(seed) % 8) {
    case 0: /* leaves, and comes with an id of long ago or of just now */
        subscriber_close(&guest->subscriber);
        if (history_count == 0 || rand_r(seed) % 4 == 0)
            guest_start(guest, NULL);
        else
            guest_start(guest, &history[(size_t)rand_r(seed) % history_count].position);
        break;
    case 1:
        guest->room += (size_t)rand_r(seed) % 2000;
        break;
    default:
        guest->room += (size_t)rand_r(seed) % 50;
    }
    if (guest->room > 0)
        subscriber_resume(&guest->subscriber);
}

static void run_at_random(unsigned seed, uint64_t retention)
{
    static struct guest guests[GUESTS];

    history_count = 0;
    memset(guests, 0, sizeof(guests));
    setup(retention);
    for (int i = 0; i < GUESTS; i++) {
        guests[i].id = i % 3 == 1 ? 1 + i % 4 : 0;
        guests[i].post = i % 3 == 2 ? 7 + i % 3 : 0;
        guests[i].may_expire = retention > 0;
        guest_start(&guests[i], NULL);
    }
    for (int round = 0; round < 300; round++) {
        for (int n = rand_r(&seed) % 80; n > 0; n--)
            append_at_random(&seed);
        journal_mark(fixture.journal, fixture.lsn, true);
        journal_flush(fixture.journal);
        for (int n = rand_r(&seed) % 4; n > 0; n--)
            act_at_random(&guests[rand_r(&seed) % GUESTS], &seed);
        fixture_turn(&fixture);
    }
    fixture_sync(&fixture);
    FIXTURE_UNTIL(&fixture, position_compare(router_position(router),
                                             history[history_count - 1].position) == 0);
    for (int i = 0; i < GUESTS; i++) {
        guests[i].room = PLENTY;
        subscriber_resume(&guests[i].subscriber);
        FIXTURE_UNTIL(&fixture, guests[i].subscriber.mode == SUBSCRIBER_LIVE);
        while (guests[i].at < history_count && !concerns(&guests[i], guests[i].at))
            guests[i].at++;
        ck_assert_uint_eq(guests[i].at, history_count);
        ck_assert_uint_gt(guests[i].received, 0);
        subscriber_close(&guests[i].subscriber);
    }
    teardown();
}

/* Whoever comes, goes, stalls and comes back, and whenever: each gets each record of its topic
 * after its position exactly once and in order. */
START_TEST(test_exactly_once_at_random)
{
    for (unsigned seed = 1; seed <= 3; seed++)
        run_at_random(seed, 0);
}
END_TEST

/* The same while retention removes records: whoever missed one is told. */
START_TEST(test_no_silent_gap_at_random)
{
    for (unsigned seed = 101; seed <= 103; seed++)
        run_at_random(seed, 60000);
}
END_TEST

UNIT_SUITE("feed/pass", test_many_share_one_pass, test_a_pass_waits_for_its_only_rider,
           test_everyone_has_a_turn, test_expired_behind_a_rider, test_expired_behind_a_live_one,
           test_epoch_under_riders, test_damage, test_exactly_once_at_random,
           test_no_silent_gap_at_random)
