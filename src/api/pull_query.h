/* api/pull_query.h - what a pull may ask for in its query, but for the position (api/resume.h).
 * Pure. */
#ifndef API_PULL_QUERY_H
#define API_PULL_QUERY_H

#include "base/error.h"
#include "base/str.h"

#define PULL_LIMIT_DEFAULT 100
#define PULL_LIMIT_MAX 10000
#define PULL_WAIT_MAX_MS 60000

struct pull_query {
    unsigned limit;   /* events, 1 to PULL_LIMIT_MAX */
    unsigned wait_ms; /* 0 to PULL_WAIT_MAX_MS */
};

/* Whether PARAMETER is one of these. */
bool pull_query_names(struct str parameter);

/* QUERY as sent; parameters that are not of a pull are passed over, and of several equal ones the
 * last counts. 0, or -EINVAL: ERR names the parameter and what it may be. */
int pull_query_parse(struct pull_query *ret, struct str query, struct error *err);

#endif
