/* feed/like.h - SQL's LIKE, with `*` for any run of characters beside its `%`, as PostgREST has it:
 * `_` is one character of UTF-8, a backslash takes the next one as it is. Pure. */
#ifndef FEED_LIKE_H
#define FEED_LIKE_H

#include "base/str.h"

/* False when the pattern ends with a backslash that escapes nothing. */
bool like_is_sound(struct str pattern);
/* PATTERN is sound. The whole of TEXT; takes time in the worst case with the product of both. */
bool like_matches(struct str pattern, struct str text);

#endif
