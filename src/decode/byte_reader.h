/* decode/byte_reader.h - reads binary messages from front to back: integers in network order, texts
 * that end in NUL, and runs of bytes. Each function says whether what it wants is still there;
 * nothing is read and nothing is set when it is not. Borrows the bytes. Private to decode/. Pure.
 */
#ifndef DECODE_BYTE_READER_H
#define DECODE_BYTE_READER_H

#include "base/error.h"
#include "base/str.h"

#include <endian.h>
#include <errno.h>

struct byte_reader {
    const char *at;
    size_t left;
};

static inline struct byte_reader byte_reader(struct str bytes)
{
    return (struct byte_reader){bytes.data, bytes.len};
}

static inline bool read_bytes(struct byte_reader *reader, size_t need, struct str *ret)
{
    if (need > reader->left)
        return false;
    *ret = (struct str){reader->at, need};
    if (need > 0)
        reader->at += need;
    reader->left -= need;
    return true;
}

static inline bool read_u8(struct byte_reader *reader, uint8_t *ret)
{
    struct str bytes;

    if (!read_bytes(reader, 1, &bytes))
        return false;
    *ret = (uint8_t)bytes.data[0];
    return true;
}

static inline bool read_u16(struct byte_reader *reader, uint16_t *ret)
{
    struct str bytes;
    uint16_t value;

    if (!read_bytes(reader, sizeof(value), &bytes))
        return false;
    memcpy(&value, bytes.data, sizeof(value));
    *ret = be16toh(value);
    return true;
}

static inline bool read_u32(struct byte_reader *reader, uint32_t *ret)
{
    struct str bytes;
    uint32_t value;

    if (!read_bytes(reader, sizeof(value), &bytes))
        return false;
    memcpy(&value, bytes.data, sizeof(value));
    *ret = be32toh(value);
    return true;
}

static inline bool read_u64(struct byte_reader *reader, uint64_t *ret)
{
    struct str bytes;
    uint64_t value;

    if (!read_bytes(reader, sizeof(value), &bytes))
        return false;
    memcpy(&value, bytes.data, sizeof(value));
    *ret = be64toh(value);
    return true;
}

/* A text up to its NUL, which is read too and is not part of *RET. */
static inline bool read_text(struct byte_reader *reader, struct str *ret)
{
    const char *nul = reader->left > 0 ? memchr(reader->at, '\0', reader->left) : NULL;
    struct str end;

    return nul != NULL && read_bytes(reader, (size_t)(nul - reader->at), ret) &&
           read_bytes(reader, 1, &end);
}

/* For callers to whom a false is the end of the message in the wrong place: -EBADMSG. */
static inline int byte_reader_ends(struct error *err)
{
    return error_set(err, -EBADMSG, "it ends in the middle");
}

/* 0, or -EBADMSG when the message goes on. */
static inline int byte_reader_done(const struct byte_reader *reader, struct error *err)
{
    if (reader->left > 0)
        return error_set(err, -EBADMSG, "%zu bytes follow its end", reader->left);
    return 0;
}

#endif
