/* feed/sort_key_time.h - dates and times, private to sort_key.c. Of ISO 8601 the forms that
 * PostgreSQL prints, and those that people write. Pure. */
#ifndef FEED_SORT_KEY_TIME_H
#define FEED_SORT_KEY_TIME_H

#include "base/str.h"

/* Each gives 0, or -EINVAL when TEXT is none. "infinity" and "-infinity" are the ends of int64. */

/* "2020-01-31", "0044-03-15 BC": days since 1970-01-01. */
int parse_date(struct str text, int64_t *ret_days);
/* "13:14:15.123456", without seconds too: microseconds since midnight. */
int parse_time(struct str text, int64_t *ret_us);
/* Date, "T" or a space, time, a zone ("Z", "+02", "-03:30"): microseconds since 2000-01-01, as
 * PostgreSQL counts, whose last ones would not fit from 1970 on. Date alone is its midnight.
 * USE_ZONE: in UTC; else the zone is passed over, as PostgreSQL does. */
int parse_timestamp(struct str text, bool use_zone, int64_t *ret_us);

#endif
