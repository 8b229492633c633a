#include "journal/record.h"
#include "base/big_endian.h"
#include <errno.h>

enum { FLAG_TAG = 1, FLAGS_BYTES = 1, TIME_BYTES = 8 };

size_t record_value_size(const struct record *record)
{
    return FLAGS_BYTES + TIME_BYTES + (record->has_tag ? RECORD_TAG_BYTES : 0) + record->bytes->len;
}

void record_encode(const struct record *record, unsigned char *value)
{
    *value = record->has_tag ? FLAG_TAG : 0;
    value += FLAGS_BYTES;
    put_u64(value, (uint64_t)record->time_us);
    value += TIME_BYTES;
    if (record->has_tag) {
        put_u64(value, (uint64_t)record->tag);
        value += RECORD_TAG_BYTES;
    }
    memcpy(value, record->bytes->data, record->bytes->len);
}

int record_decode(struct record_view *ret_view, const void *value, size_t len)
{
    const unsigned char *at = value;
    if (FLAGS_BYTES + TIME_BYTES > len)
        return -EIO;
    if ((*at & ~FLAG_TAG) != 0)
        return -EIO;
    struct record_view view = {.has_tag = *at == FLAG_TAG};
    at += FLAGS_BYTES;
    view.time_us = (int64_t)get_u64(at);
    at += TIME_BYTES;
    len -= FLAGS_BYTES + TIME_BYTES;
    if (view.has_tag) {
        if (RECORD_TAG_BYTES > len)
            return -EIO;
        view.tag = (int64_t)get_u64(at);
        at += RECORD_TAG_BYTES;
        len -= RECORD_TAG_BYTES;
    }
    view.text = (struct str){(const char *)at, len};
    *ret_view = view;
    return 0;
}

void record_tag_encode(int64_t tag, unsigned char bytes[RECORD_TAG_BYTES])
{
    put_u64(bytes, (uint64_t)tag);
}
