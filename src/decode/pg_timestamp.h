/* decode/pg_timestamp.h - PostgreSQL's timestamptz output in datestyle ISO as a number. Pure. */
#ifndef DECODE_PG_TIMESTAMP_H
#define DECODE_PG_TIMESTAMP_H

#include "base/str.h"
#include <stdint.h>

/* "2026-11-21 08:41:26.739092+00" as microseconds since 1970-01-01 UTC. The fraction may be absent,
 * the offset is [+-]HH[:MM[:SS]], the year 1 to 294246. 0, or -EINVAL for any other text. */
int pg_timestamp_parse(struct str text, int64_t *ret_microseconds);

#endif
