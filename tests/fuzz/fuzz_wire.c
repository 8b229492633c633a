/* Any bytes as a message of the replication stream: refused, or its payload is what is left of it.
 * And what walpiper says to the server is what the protocol's documentation wants there. */
#include "fuzz.h"
#include "pg/wire.h"

#include <endian.h>
#include <errno.h>

#define MICROSECONDS_OF_2000 INT64_C(946684800000000)

static uint64_t u64_at(const char *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return be64toh(value);
}

static void check_message(struct str bytes)
{
    const struct wire_message before = {.lsn = 7, .payload = STR("untouched")};
    struct wire_message message = before;
    struct error error = {0};

    int r = wire_read(&message, bytes, &error);
    promise(r == 0 || r == -EBADMSG);
    promise(error.code == r && (r == 0) == (error.text[0] == '\0'));
    if (r < 0) {
        promise(message.lsn == before.lsn && str_equal(message.payload, before.payload));
        return;
    }
    promise(message.lsn == u64_at(bytes.data + 1));
    if (message.kind == WIRE_DATA)
        promise(is_inside(message.payload, bytes) && message.payload.len + 25 == bytes.len);
    else
        promise(message.kind == WIRE_KEEPALIVE && message.payload.len == 0);
    touch(message.payload);
}

/* BYTES choose the position, the time and the wish for a reply. */
static void check_status(struct str bytes)
{
    char status[WIRE_STATUS_BYTES];

    if (bytes.len < 17)
        return;
    uint64_t confirmed = u64_at(bytes.data);
    int64_t now = (int64_t)(u64_at(bytes.data + 8) >> 2);
    bool reply = bytes.data[16] != 0;
    wire_write_status(status, confirmed, now, reply);
    promise(status[0] == 'r');
    for (size_t at = 1; at <= 17; at += 8)
        promise(u64_at(status + at) == confirmed);
    promise((int64_t)u64_at(status + 25) == now - MICROSECONDS_OF_2000);
    promise(status[33] == (reply ? 1 : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = exact_copy(data, size);

    check_message(bytes);
    check_status(bytes);
    free_copy(bytes);
    return 0;
}
