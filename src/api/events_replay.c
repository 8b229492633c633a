#include "api/events_replay.h"

#include <stdlib.h>

void events_replay_begin(struct events_replay *replay, struct tag_place place)
{
    *replay = (struct events_replay){.after = place, .given = place};
}

static struct tag_place lesser(struct tag_place a, struct tag_place b)
{
    return tag_place_compare(a, b) < 0 ? a : b;
}

/* --- places ---------------------------------------------------------------------------------- */

/* Late rows with smaller ids are where they were when they were asked for, in the order of the
 * statement. That one is forgotten meanwhile must not move it. */
static void place_rows(const struct events_asked *asked, struct journal_look *look)
{
    size_t at = 0;

    for (size_t i = 0; i < look->tag_count; i++) {
        struct journal_tag *row = &look->tags[i];
        if (row->tag > asked->after.leader)
            continue;
        while (at < asked->late_count && asked->late[at].tag != row->tag)
            at++;
        if (at < asked->late_count)
            row->place = asked->late[at].place;
    }
}

/* --- where the page ends --------------------------------------------------------------------- */

struct page_end {
    bool open; /* there is nothing beyond the page */
    struct tag_place at;
};

static void end_at(struct page_end *end, struct tag_place at)
{
    end->at = end->open ? at : lesser(end->at, at);
    end->open = false;
}

/* All that sorts before the last row, by what the statement knows, is in the page. */
static void end_at_last_row(struct page_end *end, const struct events_asked *asked,
                            const struct journal_look *look)
{
    size_t greater = 0;
    int64_t last_id = 0;

    if (look->tag_count == 0)
        return;
    for (size_t i = 0; i < look->tag_count; i++) {
        if (look->tags[i].tag <= asked->after.leader)
            continue;
        greater++;
        last_id = look->tags[i].tag;
    }
    const struct journal_tag *last = &look->tags[look->tag_count - 1];
    if (last->tag <= asked->after.leader)
        end_at(end, last->place);
    else
        end_at(end, (struct tag_place){.leader = last->tag});
    if (greater >= EVENTS_PAGE_ROWS)
        end_at(end, (struct tag_place){.leader = last_id});
}

/* A late row went out of the journal after the page was asked for: what was committed later must
 * wait until it has been read. */
static void end_before_newcomer(struct page_end *end, const struct events_asked *asked,
                                const struct journal_look *look)
{
    size_t at = 0;

    for (size_t i = 0; i < look->late_count; i++) {
        struct tag_place place = look->late[i].place;
        while (at < asked->late_count && tag_place_compare(asked->late[at].place, place) < 0)
            at++;
        if (at < asked->late_count && tag_place_compare(asked->late[at].place, place) == 0)
            continue;
        /* Ordinals count from 1, so nothing lies between. */
        place.late.ordinal--;
        end_at(end, place);
        return;
    }
}

static struct page_end find_end(const struct events_asked *asked, const struct journal_look *look)
{
    struct page_end end = {.open = true};

    end_at_last_row(&end, asked, look);
    if (!asked->late_all)
        end_at(&end, asked->late_up_to);
    bool was_open = end.open;
    if (!look->late_all)
        end_at(&end, look->late_up_to);
    end_before_newcomer(&end, asked, look);
    /* Other rows may have been committed before the newcomer, which the page has not seen either.
     */
    if (was_open && !end.open)
        end.at = asked->after;
    return end;
}

/* --- the page -------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b, void *rows)
{
    const struct journal_tag *tags = rows;

    return tag_place_compare(tags[*(const size_t *)a].place, tags[*(const size_t *)b].place);
}

static void leave(struct events_replay *replay, struct position position,
                  const struct journal_look *look)
{
    if (!replay->left_any)
        replay->left_after = look->trimmed;
    if (!replay->left_any || position_compare(position, replay->oldest_left) < 0)
        replay->oldest_left = position;
    replay->left_any = true;
}

static size_t give_rows(struct events_replay *replay, const struct page_end *end,
                        struct journal_look *look, size_t *ret_order)
{
    size_t count = 0;

    for (size_t i = 0; i < look->tag_count; i++) {
        const struct journal_tag *row = &look->tags[i];
        if (row->here)
            leave(replay, row->position, look);
        else if (end->open || tag_place_compare(row->place, end->at) <= 0)
            ret_order[count++] = i;
    }
    qsort_r(ret_order, count, sizeof(*ret_order), by_place, look->tags);
    if (count > 0)
        replay->given = look->tags[ret_order[count - 1]].place;
    return count;
}

/* Retention was faster: what was left to the journal is in the table alone by now, and must come
 * before what was committed later. So must late rows that went with it: no page has shown those
 * whose ids are smaller than where it began. */
static bool has_lost(const struct events_replay *replay, const struct journal_look *look)
{
    return replay->left_any && (position_compare(replay->oldest_left, look->trimmed) <= 0 ||
                                position_compare(replay->left_after, look->late_newest) < 0);
}

enum events_verdict events_replay_page(struct events_replay *replay,
                                       const struct events_asked *asked, struct journal_look *look,
                                       const struct position *unseen, size_t *ret_order,
                                       size_t *ret_count)
{
    *ret_count = 0;
    if (has_lost(replay, look)) {
        replay->after = replay->given;
        replay->left_any = false;
        return EVENTS_NEXT_PAGE;
    }
    if (unseen != NULL && position_compare(*unseen, look->trimmed) <= 0)
        return EVENTS_SAME_AGAIN;
    place_rows(asked, look);
    struct page_end end = find_end(asked, look);
    *ret_count = give_rows(replay, &end, look, ret_order);
    /* It may belong before the end of the page, behind rows that were left. */
    if (unseen != NULL && replay->left_any)
        leave(replay, *unseen, look);
    if (end.open)
        return EVENTS_THROUGH;
    replay->after = end.at;
    return EVENTS_NEXT_PAGE;
}
