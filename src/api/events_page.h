/* api/events_page.h - the statements that read one page of the events table, and what becomes of
 * their results. Pure. */
#ifndef API_EVENTS_PAGE_H
#define API_EVENTS_PAGE_H

#include "api/events_table.h"

/* Three statements, in the order in which they must run: what the snapshot sees the page sees, and
 * the position asked for last is beyond every commit that the page can have seen. Those that are
 * made are owned by the caller, freed with free(). */
struct events_sql {
    /* $1 the consumer, $2 an id, $3 ids of late rows that are not greater, $4 the id that each is
     * behind: id, type, payload of what is greater than $2, and of the late ones, in this order. */
    char *page;
    char *mark; /* $1 the client's id: pg_lsn, boolean */
};

extern const char events_sql_snapshot[];

int events_sql_init(struct events_sql *ret, const struct config *config, struct error *err);
void events_sql_release(struct events_sql *sql);

/* The parameters $3 and $4, appended to IDS and LEADERS, each with its NUL. 0 or -ENOMEM. */
int events_page_late(const struct events_asked *asked, struct buffer *ids, struct buffer *leaders);

/* 0, -ENOMEM, -EMSGSIZE, or -EINVAL for what is no row of these statements. On failure PAGE is to
 * be released all the same. */
int events_page_snapshot(struct events_page *page, const PGresult *result);
int events_page_rows(struct events_page *page, const PGresult *result);
int events_page_mark(struct events_page *page, const PGresult *result);
/* Leaves COUNT of the rows, in the order of their numbers in ORDER. 0; -ENOMEM: nothing is changed.
 */
int events_page_pick(struct events_page *page, const size_t *order, size_t count);
void events_page_release(struct events_page *page);

#endif
