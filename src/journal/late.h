/* journal/late.h - the order in which records with tags were appended, told by the tags, for
 * records that retention has removed. Pure.
 *
 * Tags are mostly drawn in the order in which they are appended, so only the exceptions are
 * remembered when a record goes: a tag that came late, after a greater one. */
#ifndef JOURNAL_LATE_H
#define JOURNAL_LATE_H

#include "base/position.h"
#include <stddef.h>

/* The most late tags that are remembered, about 8 MB on disk; the oldest are forgotten first. A tag
 * that was forgotten stands at itself.
 *
 * Numbers that begin again (TRUNCATE ... RESTART IDENTITY) are late until they pass the greatest
 * there ever was. That is as it should be: who had one of the old numbers has yet to get the new
 * ones. It costs an entry for each, and more than LATE_MAX of them sort by themselves. */
#define LATE_MAX 65536

/* Places compare as their records were appended. A tag greater than all before it stands at itself:
 * LEADER is the tag, LATE zero. A late one stands behind LEADER, the greatest tag before it, and
 * among those behind the same leader by LATE, the position of its record. */
struct tag_place {
    int64_t leader;
    struct position late;
};

static inline int tag_place_compare(struct tag_place a, struct tag_place b)
{
    if (a.leader != b.leader)
        return a.leader < b.leader ? -1 : 1;
    return position_compare(a.late, b.late);
}

static inline bool tag_is_late(struct tag_place place)
{
    return place.late.lsn != 0;
}

struct journal_tag {
    int64_t tag;
    bool here; /* a record with it is in the journal, the newest of them at POSITION */
    struct position position;
    struct tag_place place; /* unless here; a tag that is not known stands at itself */
};

struct journal_late {
    int64_t tag;
    struct tag_place place;
};

/* Questions to journal_look_up(), answered as of one moment. */
struct journal_look {
    struct journal_tag *tags; /* TAG is the question, the rest the answer */
    size_t tag_count;
    /* Late tags behind AFTER that are not greater than AFTER's leader: who goes on from there by
     * the greatness of tags would not meet them. In their order, LATE_COUNT of LATE_ROOM. */
    struct tag_place after;
    struct journal_late *late;
    size_t late_room;
    size_t late_count;
    bool late_all; /* else there may be more of them, all beyond LATE_UP_TO */
    struct tag_place late_up_to;
    struct position late_newest; /* of those that were removed, the last with a late tag; or zero */
    struct position trimmed;     /* every record at or before it was removed */
    bool has_leader;             /* one with a tag among them */
    int64_t leader;              /* the greatest of their tags */
};

#endif
