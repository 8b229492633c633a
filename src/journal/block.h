/* journal/block.h - records that follow each other as one value on disk, compressed with LZ4:
 * events of one table repeat most of their bytes, so a block takes an eighth of the disk, and
 * writing it costs less than writing them. Pure.
 *
 * On disk the key is the position of the last record (12 bytes) and the value
 *
 *     1 byte    flags: bit 0, the body is compressed (LZ4 block format); bit 1, a record has a tag
 *     4 bytes   number of records, at least 1
 *     12 bytes  position of the record before the first one: where the block before this one ended
 *     12 bytes  position of the first record
 *     8 bytes   time of append of the last record, microseconds since 1970
 *     4 bytes   length of the body before it was compressed
 *     8 bytes   checksum of the body as it is stored
 *     8 bytes   checksum of the key and of all of the above
 *     the rest: the body: for each record its position (12), its length (4) and its value
 * (record.h)
 *
 * Checksums are XXH3, 64 bits. Two of them, so that a block can be looked at without reading all of
 * it. That each block names the end of the one before shows a block that went missing. Integers are
 * big-endian. A record of more than BLOCK_BYTES is alone in its block; one of more
 * than BLOCK_PACKED_MAX lies there as it is, so that no copy of it is needed. */
#ifndef JOURNAL_BLOCK_H
#define JOURNAL_BLOCK_H

#include "base/buffer.h"
#include "journal/record.h"

#define BLOCK_BYTES ((size_t)32 << 10)
#define BLOCK_PACKED_MAX ((size_t)256 << 10)
/* What a record takes at most beside its own value: it is alone in its block. */
#define BLOCK_HEAD_BYTES (1 + 4 + 2 * POSITION_BYTES + 8 + 4 + 8 + 8 + POSITION_BYTES + 4)

/* --- writing ----------------------------------------------------------------------------- */

/* How many of the first records go into one block: at least 1. COUNT is not 0. */
size_t block_fit(const struct record *records, size_t count);

/* What a writer keeps between blocks: two buffers of BLOCK_PACKED_MAX at the most. */
struct block_packer {
    struct buffer body;
    struct buffer packed;
};

void block_packer_init(struct block_packer *packer);
void block_packer_release(struct block_packer *packer);

/* A block on its way to the disk. */
struct block_draft {
    const struct record *records;
    struct position previous;
    size_t count;
    struct str packed; /* the body as it will be; data NULL: the one large record as it is */
    size_t size;       /* of the value */
    size_t tags;       /* records that have one */
};

/* Borrows from RECORDS and, until the next call, from PACKER. COUNT is from block_fit(). PREVIOUS
 * is the newest record that is in the log, or ever was; zero: none. 0 or -ENOMEM. */
int block_draft(struct block_packer *packer, struct position previous, const struct record *records,
                size_t count, struct block_draft *ret_draft);
/* Writes draft->size bytes. */
void block_write(const struct block_draft *draft, unsigned char *value);

/* --- reading ----------------------------------------------------------------------------- */

struct block {
    struct position previous; /* before the first record */
    struct position first;
    struct position last;
    int64_t time_us;
    uint32_t count;
    bool has_tags;
    bool compressed;
    uint32_t body_len;
    uint64_t body_checksum;
    struct str body; /* borrowed from the value; compressed or not */
};

/* LAST is the key. 0, or -EIO when the value is none of ours, or its head is damaged. Reads the
 * head only. */
int block_open(struct block *ret_block, struct position last, const void *value, size_t len);
/* True when no record lies between AFTER and the first record of BLOCK, which the log gave as the
 * first one with a record after AFTER. False: a block is missing. */
bool block_follows(const struct block *block, struct position after);
/* The records, decompressed into SCRATCH where they need it. 0, -EIO when the body is damaged, or
 * -ENOMEM. */
int block_body(const struct block *block, struct buffer *scratch, struct str *ret_body);
/* The same as a copy of block->body_len bytes, at TO. 0, or -EIO. */
int block_unpack(const struct block *block, char *to);

struct block_record {
    struct position position;
    struct record_view view; /* borrows from the body */
};

/* Takes the first record off BODY. 1; 0 at the end; -EIO. */
int block_next(struct str *body, struct block_record *ret_record);

/* What a block of that value size with that many tags takes on disk, near enough: large values take
 * whole pages. */
uint64_t block_footprint(size_t value_size, size_t tags);

#endif
