#include "base/position.h"

#include <endian.h>
#include <string.h>

void position_encode(struct position p, unsigned char bytes[POSITION_BYTES])
{
    uint64_t lsn = htobe64(p.lsn);
    uint32_t ordinal = htobe32(p.ordinal);

    memcpy(bytes, &lsn, sizeof(lsn));
    memcpy(bytes + sizeof(lsn), &ordinal, sizeof(ordinal));
}

struct position position_decode(const unsigned char bytes[POSITION_BYTES])
{
    uint64_t lsn;
    uint32_t ordinal;

    memcpy(&lsn, bytes, sizeof(lsn));
    memcpy(&ordinal, bytes + sizeof(lsn), sizeof(ordinal));
    return (struct position){be64toh(lsn), be32toh(ordinal)};
}
