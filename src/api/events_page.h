/* api/events_page.h - the statements that read one page of the events table, and what becomes of
 * their results. Pure. */
#ifndef API_EVENTS_PAGE_H
#define API_EVENTS_PAGE_H

#include "api/events_table.h"

/* Two statements, in the order in which they must run: the position asked for last is then beyond
 * every commit that the page can have seen. Owned by the caller, freed with free(). */
struct events_sql {
    char *page; /* $1 the consumer, $2 the last id: id, type, payload */
    char *mark; /* $1 the last id: pg_lsn, boolean */
};

int events_sql_init(struct events_sql *ret, const struct config *config, struct error *err);
void events_sql_release(struct events_sql *sql);

/* 0, -ENOMEM, -EMSGSIZE, or -EINVAL for what is no row of these statements. On failure PAGE is to
 * be released all the same. */
int events_page_rows(struct events_page *page, const PGresult *result);
int events_page_mark(struct events_page *page, const PGresult *result);
void events_page_release(struct events_page *page);

#endif
