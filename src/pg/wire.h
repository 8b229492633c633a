/* pg/wire.h - the messages inside the CopyBoth stream of logical replication (PostgreSQL
 * documentation, "Streaming Replication Protocol"). Pure: integers are big-endian, times are
 * microseconds since 2000-01-01. */
#ifndef PG_WIRE_H
#define PG_WIRE_H

#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

enum wire_kind { WIRE_DATA, WIRE_KEEPALIVE };

struct wire_message {
    enum wire_kind kind;
    uint64_t lsn;         /* data: where the message starts; keepalive: the end of what was sent */
    struct str payload;   /* data only */
    bool reply_requested; /* keepalive only */
};

/* 0, or -EBADMSG for an unknown kind or a message that is too short. RET borrows from BYTES. */
int wire_read(struct wire_message *ret, struct str bytes, struct error *err);

#define WIRE_STATUS_BYTES 34
/* Standby status update: written, flushed and applied are all CONFIRMED. NOW_US: since 1970. */
void wire_write_status(char bytes[WIRE_STATUS_BYTES], uint64_t confirmed, int64_t now_us,
                       bool reply);

#endif
