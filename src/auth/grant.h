/* auth/grant.h - what a token's claim `topics` allows: one grant is a topic, written as the path
 * behind /streams/. Pure. Owns nothing. */
#ifndef AUTH_GRANT_H
#define AUTH_GRANT_H

#include "base/str.h"

/* Whether GRANT allows the topic of SEGMENTS (percent-decoded; a table, a table and an id, or
 * parents, each with its id, and a table).
 *
 * A grant is exact: `comments` is the whole table, `comments/89` one row. Its parts are divided by
 * '/' or ':' and may be percent-encoded. A last part that is `*` stands for all that begins like
 * the grant and goes on: "comments/" and `*` are all rows of the table, `*` alone is
 * everything. `public.comments` and `comments` are the same. */
bool grant_allows(struct str grant, const struct str *segments, size_t count);

#endif
