/* api/processed_query.h - up to where /processed asks: an LSN or a time, and how long it waits.
 * Pure. */
#ifndef API_PROCESSED_QUERY_H
#define API_PROCESSED_QUERY_H

#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>

struct processed_query {
    bool by_lsn; /* else by the time */
    uint64_t lsn;
    int64_t time_us; /* since 1970: the last microsecond of what was said */
    unsigned wait_ms;
};

/* Whether PARAMETER is one of these. */
bool processed_query_names(struct str parameter);

/* QUERY as sent; other parameters are passed over, and of several equal ones the last counts. 0, or
 * -EINVAL: ERR names the parameter and what it may be. */
int processed_query_parse(struct processed_query *ret, struct str query, struct error *err);

#endif
