/* api/events_table.h - rows of the events table, page by page, for clients whose last id is older
 * than the journal.
 *
 * One connection a serving loop, opened on demand, shared by a queue, closed when idle; between two
 * pages a client holds nothing. A page is handed over only once the journal has everything that was
 * committed when the page was read: from then on a row is in the journal, if its commit is one that
 * the journal keeps, and journal_look_up() tells. Owns its connection, its queue and the pages. */
#ifndef API_EVENTS_TABLE_H
#define API_EVENTS_TABLE_H

#include "api/context.h"
#include "api/events_replay.h"
#include "base/buffer.h"
#include "base/snapshot.h"
#include <ev.h>

struct events_table;

struct events_row {
    int64_t id;
    struct str frame; /* as GET /events sends it; borrows from the page */
};

struct events_page {
    struct events_asked asked; /* owns its list */
    struct snapshot snapshot;  /* the page sees at least what this one does */
    struct buffer bytes;       /* the frames, one after the other */
    struct events_row *rows;
    size_t row_count;
    bool row_exists; /* the row with the id that the client has is in the table */
    uint64_t lsn;    /* all that the page can have seen was committed before */
};

enum events_request_state {
    EVENTS_REQUEST_NONE = 0,
    EVENTS_REQUEST_PAUSED, /* for a while, then queued */
    EVENTS_REQUEST_QUEUED,
    EVENTS_REQUEST_ASKED,   /* on the connection */
    EVENTS_REQUEST_WAITING, /* read, waits for the journal */
};

/* Rows of CONSUMER behind AFTER, see events_replay.h. Embedded by who asks. */
struct events_request {
    const char *consumer;
    int64_t had; /* the id that the client has */
    struct tag_place after;
    /* PAGE is NULL when the table could not be read; else the callee may change its bytes. May ask
     * again. Never called before events_table_ask() has returned. */
    void (*on_page)(struct events_request *self, struct events_page *page);
    /* The rest is the table's. */
    enum events_request_state state;
    struct events_page page;
    ev_timer pause;
    unsigned pause_ms; /* the last one */
    struct events_table *table;
    struct events_request *prev, *next;
};

int events_table_new(struct events_table **ret_table, struct loop *loop,
                     const struct api_context *context, struct error *err);
void events_table_free(struct events_table *table); /* NULL is fine */

void events_table_ask(struct events_table *table, struct events_request *request);
/* The same page once more, after a pause: 10 ms, and twice as long each time up to a second, until
 * events_table_ask() asks for the next. */
void events_table_ask_again(struct events_table *table, struct events_request *request);
/* Silent. Safe on one that is not under way. */
void events_table_cancel(struct events_table *table, struct events_request *request);

#endif
