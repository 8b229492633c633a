#include "pg/wire.h"
#include "base/clock.h"
#include <endian.h>
#include <errno.h>

#define DATA_HEADER_BYTES 25 /* 'w', start, end, time */
#define KEEPALIVE_BYTES 18   /* 'k', end, time, reply */

static uint64_t read_u64(const char *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return be64toh(value);
}

static char *write_u64(char *bytes, uint64_t value)
{
    uint64_t big = htobe64(value);
    memcpy(bytes, &big, sizeof(big));
    return bytes + sizeof(big);
}

int wire_read(struct wire_message *ret, struct str bytes, struct error *err)
{
    if (bytes.len == 0)
        return error_set(err, -EBADMSG, "the server sent an empty replication message");
    char kind = bytes.data[0];
    if (kind == 'w' && bytes.len >= DATA_HEADER_BYTES) {
        *ret = (struct wire_message){
            .kind = WIRE_DATA,
            .lsn = read_u64(bytes.data + 1),
            .payload = {bytes.data + DATA_HEADER_BYTES, bytes.len - DATA_HEADER_BYTES},
        };
        return 0;
    }
    if (kind == 'k' && bytes.len >= KEEPALIVE_BYTES) {
        *ret = (struct wire_message){
            .kind = WIRE_KEEPALIVE,
            .lsn = read_u64(bytes.data + 1),
            .reply_requested = bytes.data[17] != 0,
        };
        return 0;
    }
    return error_set(err, -EBADMSG,
                     "the server sent a replication message of kind 0x%02x and %zu bytes, which is "
                     "not of the protocol",
                     (unsigned char)kind, bytes.len);
}

void wire_write_status(char bytes[WIRE_STATUS_BYTES], uint64_t confirmed, int64_t now_us,
                       bool reply)
{
    char *p = bytes;
    *p++ = 'r';
    p = write_u64(p, confirmed); /* written */
    p = write_u64(p, confirmed); /* flushed */
    p = write_u64(p, confirmed); /* applied */
    p = write_u64(p, (uint64_t)(now_us - POSTGRES_EPOCH_US));
    *p = reply ? 1 : 0;
}
