#include "api/events_replay.h"

#include "unit.h"

#include <stdlib.h>

/* A table, a journal and clients, all as simple as can be: rows are committed in an order that is
 * not that of their ids, the journal takes each commit and removes old ones, some commits show in
 * the table only later, clients leave and come back with their last id. Each must get its rows
 * exactly once, in the order of the commits. */

#define ROWS 1600
#define CLIENTS 3
#define WORLDS 100

struct row {
    int64_t id;
    bool mine;              /* of the consumer that all clients are */
    struct tag_place place; /* once the journal has removed it */
    uint32_t shows;         /* when others see it, once it is committed */
    bool seen;              /* by the snapshot of the page that is read */
};

struct world {
    uint32_t seed;
    struct row rows[ROWS]; /* by commit: the position of row N is {N + 1, 1} */
    size_t by_id[ROWS];    /* numbers of rows */
    uint32_t now;          /* grows with each commit_some() */
    uint32_t held;         /* the most that a commit is held back */
    uint32_t pace;         /* of commits and retention while a page is read */
    size_t committed;
    size_t trimmed;
    int64_t leader;
};

static uint32_t draw(struct world *w, uint32_t below)
{
    w->seed = w->seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)w->seed * below) >> 32);
}

static struct position at(size_t row)
{
    return (struct position){row + 1, 1};
}

static struct world *shuffled;
static uint32_t due[ROWS];

static int by_due(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    uint32_t left = due[x->id - 1], right = due[y->id - 1];

    return left != right ? (left < right ? -1 : 1) : (x->id < y->id ? -1 : 1);
}

static int by_id(const void *a, const void *b)
{
    int64_t x = shuffled->rows[*(const size_t *)a].id, y = shuffled->rows[*(const size_t *)b].id;

    return x < y ? -1 : 1;
}

/* Ids are drawn in order; most commit soon, some much later. */
static void world_init(struct world *w, uint32_t seed)
{
    *w = (struct world){.seed = seed};
    uint32_t near = 1 + draw(w, 20), rare = 2 + draw(w, 50);
    uint32_t mine = 1 + draw(w, 10);
    w->held = 1 + draw(w, 2) * draw(w, 12);
    w->pace = 2 + draw(w, 10);
    for (size_t i = 0; i < ROWS; i++) {
        w->rows[i] = (struct row){.id = (int64_t)i + 1, .mine = draw(w, 10) < mine};
        due[i] = (uint32_t)i * 2 + draw(w, near) + (draw(w, rare) == 0 ? draw(w, ROWS) : 0);
        w->by_id[i] = i;
    }
    shuffled = w;
    qsort(w->rows, ROWS, sizeof(w->rows[0]), by_due);
    qsort(w->by_id, ROWS, sizeof(w->by_id[0]), by_id);
}

static void commit_some(struct world *w, uint32_t below)
{
    w->now++;
    for (uint32_t n = draw(w, below); n > 0 && w->committed < ROWS; n--)
        w->rows[w->committed++].shows = w->now + (draw(w, 4) == 0 ? draw(w, w->held) : 0);
}

static void trim_some(struct world *w, uint32_t below)
{
    for (uint32_t n = draw(w, below); n > 0 && w->trimmed < w->committed; n--) {
        struct row *row = &w->rows[w->trimmed];
        row->place = row->id < w->leader ? (struct tag_place){w->leader, at(w->trimmed)}
                                         : (struct tag_place){.leader = row->id};
        if (row->id > w->leader)
            w->leader = row->id;
        w->trimmed++;
    }
}

static bool shows(const struct world *w, size_t row)
{
    return row < w->committed && w->rows[row].shows <= w->now;
}

static void take_snapshot(struct world *w)
{
    for (size_t row = 0; row < ROWS; row++)
        w->rows[row].seen = shows(w, row);
}

static const struct position *find_unseen(const struct world *w, struct position *room)
{
    for (size_t row = 0; row < w->committed; row++)
        if (!w->rows[row].seen) {
            *room = at(row);
            return room;
        }
    return NULL;
}

static size_t row_of(const struct world *w, int64_t id)
{
    return w->by_id[id - 1];
}

static void look_up(const struct world *w, struct journal_look *look)
{
    for (size_t i = 0; i < look->tag_count; i++) {
        struct journal_tag *tag = &look->tags[i];
        size_t row = row_of(w, tag->tag);
        tag->here = row >= w->trimmed && row < w->committed;
        tag->position = at(row);
        tag->place = row < w->trimmed ? w->rows[row].place : (struct tag_place){.leader = tag->tag};
    }
    look->late_count = 0;
    look->late_all = true;
    look->trimmed = w->trimmed > 0 ? at(w->trimmed - 1) : (struct position){0};
    look->late_newest = (struct position){0};
    for (size_t i = 0; i < w->trimmed; i++)
        if (tag_is_late(w->rows[i].place))
            look->late_newest = at(i);
    for (size_t i = 0; i < w->trimmed; i++) {
        const struct row *row = &w->rows[i];
        if (!tag_is_late(row->place) || tag_place_compare(row->place, look->after) <= 0)
            continue;
        if (look->late_count == look->late_room) {
            look->late_all = false;
            return;
        }
        look->late_up_to = row->place;
        if (row->id <= look->after.leader)
            look->late[look->late_count++] = (struct journal_late){row->id, row->place};
    }
}

/* The rows of the statement, cut anywhere, but not before the first. */
static size_t ask_table(struct world *w, const struct events_asked *asked, struct journal_tag *tags)
{
    size_t count = 0, late = 0, greater = 0;
    int64_t id = asked->after.leader + 1;
    size_t most = draw(w, 3) == 0 ? 1 + draw(w, 40) : ROWS;

    while (count < most) {
        while (id <= ROWS && (!shows(w, row_of(w, id)) || !w->rows[row_of(w, id)].mine))
            id++;
        while (late < asked->late_count && (!shows(w, row_of(w, asked->late[late].tag)) ||
                                            !w->rows[row_of(w, asked->late[late].tag)].mine))
            late++;
        bool has_greater = id <= ROWS && greater < EVENTS_PAGE_ROWS;
        bool has_late = late < asked->late_count;
        if (!has_greater && !has_late)
            break;
        if (has_greater && (!has_late || id <= asked->late[late].place.leader)) {
            tags[count++].tag = id++;
            greater++;
        } else {
            tags[count++].tag = asked->late[late++].tag;
        }
    }
    return count;
}

struct client {
    size_t next;  /* the row that must come next, or the next one that is mine */
    int64_t last; /* the id that it has */
};

static void receive(struct world *w, struct client *client, int64_t id)
{
    while (!w->rows[client->next].mine)
        client->next++;
    ck_assert_int_eq(id, w->rows[client->next].id);
    client->next++;
    client->last = id;
}

/* From AFTER on in the journal; false when the client is gone or the journal lost what follows. */
static void read_journal(struct world *w, struct client *client, struct position after)
{
    size_t row = (size_t)after.lsn;

    while (row < w->committed) {
        commit_some(w, 4);
        trim_some(w, 4);
        if (row < w->trimmed || draw(w, 60) == 0)
            return;
        if (w->rows[row].mine)
            receive(w, client, w->rows[row].id);
        row++;
    }
}

/* One page; true when there is another. */
static bool replay_page(struct world *w, struct client *client, struct events_replay *replay)
{
    static struct journal_tag tags[ROWS + EVENTS_PAGE_LATE];
    static size_t order[ROWS + EVENTS_PAGE_LATE];
    struct journal_late before[EVENTS_PAGE_LATE], now[EVENTS_PAGE_LATE];
    size_t room = draw(w, 2) ? 1 + draw(w, 4) : EVENTS_PAGE_LATE, count;
    struct position room_of_unseen;
    struct events_asked asked = {.after = replay->after, .late = before};
    struct journal_look first = {.after = replay->after, .late = before, .late_room = room};
    struct journal_look look = {.after = replay->after, .late = now, .late_room = room};

    look_up(w, &first);
    asked.late_count = first.late_count;
    asked.late_all = first.late_all;
    asked.late_up_to = first.late_up_to;
    commit_some(w, w->pace);
    trim_some(w, w->pace);
    take_snapshot(w);
    commit_some(w, 3);
    look.tags = tags;
    look.tag_count = ask_table(w, &asked, tags);
    commit_some(w, w->pace);
    trim_some(w, draw(w, 4) ? w->pace : 100);
    look_up(w, &look);
    enum events_verdict verdict =
        events_replay_page(replay, &asked, &look, find_unseen(w, &room_of_unseen), order, &count);
    for (size_t i = 0; i < count; i++) {
        receive(w, client, tags[order[i]].tag);
        if (draw(w, 200) == 0)
            return false;
    }
    if (verdict == EVENTS_THROUGH)
        read_journal(w, client, look.trimmed);
    return verdict != EVENTS_THROUGH;
}

static void come_back(struct world *w, struct client *client)
{
    struct journal_tag had = {.tag = client->last};
    struct journal_look look = {.tags = &had, .tag_count = client->last > 0};
    struct events_replay replay;

    look_up(w, &look);
    if (had.here) {
        read_journal(w, client, had.position);
        return;
    }
    events_replay_begin(&replay, had.place);
    while (replay_page(w, client, &replay))
        continue;
}

static bool has_all(const struct world *w, const struct client *client)
{
    for (size_t row = client->next; row < ROWS; row++)
        if (w->rows[row].mine)
            return false;
    return true;
}

static void check_world(struct world *w, uint32_t seed)
{
    struct client clients[CLIENTS] = {0};

    world_init(w, seed);
    for (int done = 0; done < CLIENTS;) {
        commit_some(w, draw(w, 8) == 0 ? ROWS : 30);
        trim_some(w, draw(w, 3) == 0 ? ROWS : 30);
        come_back(w, &clients[draw(w, CLIENTS)]);
        done = 0;
        for (int i = 0; i < CLIENTS; i++)
            done += w->committed == ROWS && has_all(w, &clients[i]);
    }
}

START_TEST(test_each_client_gets_each_row_once_in_the_order_of_commits)
{
    struct world *w = malloc(sizeof(*w));

    ck_assert_ptr_nonnull(w);
    for (uint32_t seed = 1; seed <= WORLDS; seed++)
        check_world(w, seed);
    free(w);
}
END_TEST

/* --- scenes ---------------------------------------------------------------------------------- */

static struct tag_place regular(int64_t id)
{
    return (struct tag_place){.leader = id};
}

static struct tag_place late(int64_t leader, uint64_t lsn)
{
    return (struct tag_place){leader, {lsn, 1}};
}

/* The client had 7 and left; 6 committed after that, and the journal has removed both. */
START_TEST(test_a_late_row_with_a_smaller_id_comes_first)
{
    struct events_replay replay;
    struct journal_late six[] = {{6, late(7, 70)}};
    struct events_asked asked = {
        .after = regular(7), .late = six, .late_count = 1, .late_all = true};
    struct journal_tag tags[] = {{.tag = 6}, {.tag = 8, .place = regular(8)}};
    struct journal_look look = {.tags = tags,
                                .tag_count = 2,
                                .late = six,
                                .late_count = 1,
                                .late_all = true,
                                .trimmed = {90, 1}};
    size_t order[2], count;

    events_replay_begin(&replay, regular(7));
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, NULL, order, &count),
                     EVENTS_NEXT_PAGE);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(order[0], 0);
    ck_assert_uint_eq(order[1], 1);
    ck_assert_int_eq(tag_place_compare(replay.given, regular(8)), 0);
    ck_assert_int_eq(tag_place_compare(replay.after, regular(8)), 0);
}
END_TEST

/* The journal forgot 5 after the page was asked for: it stays where it was. */
START_TEST(test_a_row_that_was_asked_for_as_late_stays_late)
{
    struct events_replay replay;
    struct journal_late asked_late[] = {{6, late(7, 70)}, {5, late(9, 80)}};
    struct events_asked asked = {
        .after = regular(7), .late = asked_late, .late_count = 2, .late_all = true};
    struct journal_tag tags[] = {
        {.tag = 6, .place = regular(6)}, {.tag = 8, .place = regular(8)}, {.tag = 5}};
    struct journal_look look = {.tags = tags, .tag_count = 3, .late_all = true, .trimmed = {90, 1}};
    size_t order[3], count;

    events_replay_begin(&replay, regular(7));
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, NULL, order, &count),
                     EVENTS_NEXT_PAGE);
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(order[0], 0);
    ck_assert_uint_eq(order[1], 1);
    ck_assert_uint_eq(order[2], 2);
    ck_assert_int_eq(tag_place_compare(replay.after, late(9, 80)), 0);
}
END_TEST

/* Late rows of others may fill the list: the client's come after them. */
START_TEST(test_a_page_without_rows_goes_on_behind_the_late_ones_it_asked_for)
{
    struct events_replay replay;
    struct journal_late six[] = {{6, late(7, 70)}};
    struct events_asked asked = {
        .after = regular(7), .late = six, .late_count = 1, .late_up_to = late(7, 70)};
    struct journal_look look = {
        .late = six, .late_count = 1, .late_up_to = late(7, 70), .trimmed = {90, 1}};
    size_t order[1], count;

    events_replay_begin(&replay, regular(7));
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, NULL, order, &count),
                     EVENTS_NEXT_PAGE);
    ck_assert_int_eq(tag_place_compare(replay.after, late(7, 70)), 0);
}
END_TEST

/* It went out of the journal while the page was read: 8, which is later, has to wait for it. */
START_TEST(test_what_follows_a_late_row_waits_until_that_was_read)
{
    struct events_replay replay;
    struct journal_late six[] = {{6, late(7, 70)}};
    struct events_asked asked = {.after = regular(7), .late_all = true};
    struct journal_tag tags[] = {{.tag = 8, .place = regular(8)}};
    struct journal_look look = {.tags = tags,
                                .tag_count = 1,
                                .late = six,
                                .late_count = 1,
                                .late_all = true,
                                .trimmed = {90, 1}};
    size_t order[1], count;

    events_replay_begin(&replay, regular(7));
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, NULL, order, &count),
                     EVENTS_NEXT_PAGE);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_lt(tag_place_compare(replay.after, six[0].place), 0);
}
END_TEST

/* What was left to the journal and is gone from there is given before anything that is later. */
START_TEST(test_what_was_left_to_the_journal_and_is_gone_is_read_again)
{
    struct events_replay replay;
    struct events_asked asked = {.after = regular(7), .late_all = true};
    struct journal_tag tags[] = {{.tag = 8, .here = true, .position = {80, 1}}};
    struct journal_look look = {.tags = tags, .tag_count = 1, .late_all = true, .trimmed = {70, 1}};
    size_t order[1], count;

    events_replay_begin(&replay, regular(7));
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, NULL, order, &count),
                     EVENTS_NEXT_PAGE);
    ck_assert_uint_eq(count, 0);
    asked.after = replay.after;
    look.tag_count = 0;
    look.trimmed = (struct position){80, 1};
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, NULL, order, &count),
                     EVENTS_NEXT_PAGE);
    ck_assert_int_eq(tag_place_compare(replay.after, regular(7)), 0);
}
END_TEST

/* 8 is in the page, and 7, which was committed before it and is gone from the journal, is not yet.
 */
START_TEST(test_a_page_that_does_not_see_what_retention_removed_gives_nothing)
{
    struct events_replay replay;
    struct events_asked asked = {.after = regular(6), .late_all = true};
    struct journal_tag tags[] = {{.tag = 8, .place = regular(8)}};
    struct journal_look look = {.tags = tags, .tag_count = 1, .late_all = true, .trimmed = {80, 1}};
    struct position unseen = {70, 1};
    size_t order[1], count;

    events_replay_begin(&replay, regular(6));
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, &unseen, order, &count),
                     EVENTS_SAME_AGAIN);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(tag_place_compare(replay.after, regular(6)), 0);
    unseen = (struct position){80, 1};
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, &unseen, order, &count),
                     EVENTS_SAME_AGAIN);
    unseen = (struct position){80, 2};
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, &unseen, order, &count),
                     EVENTS_NEXT_PAGE);
    ck_assert_uint_eq(count, 1);
}
END_TEST

/* 9 was left to the journal, and the next page begins behind it. 8 does not show yet; it goes out
 * of the journal before 9 does. */
START_TEST(test_what_a_page_did_not_see_before_rows_that_it_left_is_read_again)
{
    struct events_replay replay;
    struct events_asked asked = {.after = regular(7), .late_all = true};
    struct journal_tag tags[] = {{.tag = 9, .here = true, .position = {90, 1}}};
    struct journal_look look = {.tags = tags, .tag_count = 1, .late_all = true, .trimmed = {70, 1}};
    struct position unseen = {80, 1};
    size_t order[1], count;

    events_replay_begin(&replay, regular(7));
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, &unseen, order, &count),
                     EVENTS_NEXT_PAGE);
    asked.after = replay.after;
    ck_assert_int_eq(tag_place_compare(replay.after, regular(9)), 0);
    look.tag_count = 0;
    look.trimmed = (struct position){80, 1};
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, NULL, order, &count),
                     EVENTS_NEXT_PAGE);
    ck_assert_int_eq(tag_place_compare(replay.after, regular(7)), 0);
}
END_TEST

/* 9 was left to the journal, and the next page begins behind it. 3 was committed before 9, late,
 * and goes out of the journal before 9 does. */
START_TEST(test_a_late_row_that_is_gone_before_rows_that_were_left_is_asked_for)
{
    struct events_replay replay;
    struct events_asked asked = {.after = regular(7), .late_all = true};
    struct journal_tag tags[] = {{.tag = 9, .here = true, .position = {90, 1}}};
    struct journal_look look = {
        .tags = tags, .tag_count = 1, .late_all = true, .late_newest = {70, 1}, .trimmed = {70, 1}};
    size_t order[1], count;

    events_replay_begin(&replay, regular(7));
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, NULL, order, &count),
                     EVENTS_NEXT_PAGE);
    asked.after = replay.after;
    look.tag_count = 0;
    look.trimmed = look.late_newest = (struct position){80, 1};
    ck_assert_int_eq(events_replay_page(&replay, &asked, &look, NULL, order, &count),
                     EVENTS_NEXT_PAGE);
    ck_assert_int_eq(tag_place_compare(replay.after, regular(7)), 0);
}
END_TEST

UNIT_SUITE("api/events_replay", test_each_client_gets_each_row_once_in_the_order_of_commits,
           test_a_late_row_with_a_smaller_id_comes_first,
           test_a_row_that_was_asked_for_as_late_stays_late,
           test_a_page_without_rows_goes_on_behind_the_late_ones_it_asked_for,
           test_what_follows_a_late_row_waits_until_that_was_read,
           test_what_was_left_to_the_journal_and_is_gone_is_read_again,
           test_a_page_that_does_not_see_what_retention_removed_gives_nothing,
           test_what_a_page_did_not_see_before_rows_that_it_left_is_read_again,
           test_a_late_row_that_is_gone_before_rows_that_were_left_is_asked_for)
