/* journal/record.h - one record on its way to the disk, and the form it has there, in a block
 * (block.h). Pure.
 *
 *     1 byte   flags: bit 0, the record has a tag; all others zero
 *     8 bytes  time of append, microseconds since 1970, big-endian
 *     8 bytes  the tag, big-endian, only with bit 0
 *     the rest: the bytes of the record
 *
 * The tag is kept with the record so that trimming finds the entry of the tag. */
#ifndef JOURNAL_RECORD_H
#define JOURNAL_RECORD_H

#include "base/position.h"
#include "base/shared.h"
#include "base/str.h"

struct record {
    struct position position;
    int64_t time_us;
    int64_t tag; /* with has_tag */
    bool has_tag;
    struct shared *bytes;
};

/* A record as it lies on disk: TEXT borrows from the value. */
struct record_view {
    int64_t time_us;
    int64_t tag;
    bool has_tag;
    struct str text;
};

/* LMDB keeps the length of a value in 32 bits, and a record is in one with the heads of a block. */
#define RECORD_BYTES_MAX (UINT32_MAX - 128)
#define RECORD_TAG_BYTES 8

size_t record_value_size(const struct record *record);
/* Writes record_value_size() bytes. */
void record_encode(const struct record *record, unsigned char *value);
/* 0, or -EIO when the value is none of ours. */
int record_decode(struct record_view *ret_view, const void *value, size_t len);

void record_tag_encode(int64_t tag, unsigned char bytes[RECORD_TAG_BYTES]);

#endif
