/* api/events_replay.h - which rows of a page of the events table may be given to a client that
 * comes back, in which order, and where the next page begins. Pure.
 *
 * The client wants what was committed after the row that it had. The journal says which rows it has
 * itself: they come from there, after all others. The others are older than it, and for those it
 * remembers the order of commits (journal/late.h): mostly that of their ids, and of a row that
 * committed late, behind which id it belongs. So a page has two parts, asked for in one statement:
 * ids greater than the one where the last page ended, and late rows with smaller ids that belong
 * behind it. What belongs behind the end of the page waits for another page.
 *
 * The journal may have a row before the table shows it, for the server tells of a commit first. A
 * page counts only if it sees all that retention has removed: the journal gives the rest. */
#ifndef API_EVENTS_REPLAY_H
#define API_EVENTS_REPLAY_H

#include "journal/late.h"

/* Of ids that are greater, in one page. A page may be cut earlier: its payloads are bounded. */
#define EVENTS_PAGE_ROWS 500
/* Of late rows with smaller ids. */
#define EVENTS_PAGE_LATE 256

/* What was known when the page was asked for. */
struct events_asked {
    struct tag_place after;
    struct journal_late *late; /* what the page was asked for beside greater ids, in order */
    size_t late_count;
    bool late_all; /* else there may be more, beyond LATE_UP_TO */
    struct tag_place late_up_to;
};

struct events_replay {
    struct tag_place after;      /* all rows up to there are given, or left to the journal */
    struct tag_place given;      /* the last row that the client has */
    bool left_any;               /* to the journal */
    struct position oldest_left; /* or unseen by a page that left some */
    struct position left_after;  /* all that retention had removed when the first was left */
};

/* A client that had the row at PLACE. */
void events_replay_begin(struct events_replay *replay, struct tag_place place);

enum events_verdict {
    EVENTS_NEXT_PAGE,  /* ask again, after replay->after */
    EVENTS_SAME_AGAIN, /* a little later: retention has removed what the page does not see yet */
    EVENTS_THROUGH,    /* the rest is in the journal, after LOOK->trimmed */
};

/* LOOK is of a time when the journal had all that the page can have seen: its tags are the ids of
 * the page's rows in the order of the statement (events_page.h), its late tags those behind
 * ASKED->after now. UNSEEN is the first row in the log by then whose commit the page does not see;
 * NULL: none. RET_ORDER has room for all rows: the numbers of those to give, RET_COUNT of them, in
 * their order. */
enum events_verdict events_replay_page(struct events_replay *replay,
                                       const struct events_asked *asked, struct journal_look *look,
                                       const struct position *unseen, size_t *ret_order,
                                       size_t *ret_count);

#endif
