/* base/position.h - where an event stands in the log: (commit end LSN, ordinal in the transaction).
 * Its 12-byte big-endian form sorts like the position itself. Pure. */
#ifndef BASE_POSITION_H
#define BASE_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#define POSITION_BYTES 12

struct position {
    uint64_t lsn;
    uint32_t ordinal; /* from 1; 0 is "before the first event of that transaction" */
};

static inline int position_compare(struct position a, struct position b)
{
    if (a.lsn != b.lsn)
        return a.lsn < b.lsn ? -1 : 1;
    if (a.ordinal != b.ordinal)
        return a.ordinal < b.ordinal ? -1 : 1;
    return 0;
}

void position_encode(struct position p, unsigned char bytes[POSITION_BYTES]);
struct position position_decode(const unsigned char bytes[POSITION_BYTES]);

#endif
