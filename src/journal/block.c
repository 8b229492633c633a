#include "journal/block.h"
#include "base/big_endian.h"
#include <errno.h>
#include <limits.h>
#include <lz4.h>
#include <xxhash.h>

enum { FLAG_COMPRESSED = 1, FLAG_TAGS = 2 };
enum { CHECKSUM_BYTES = 8, ENTRY_BYTES = POSITION_BYTES + 4 };
enum { HEAD_CHECKED = 1 + 4 + 2 * POSITION_BYTES + 8 + 4 + CHECKSUM_BYTES };
enum { HEAD_BYTES = HEAD_CHECKED + CHECKSUM_BYTES };

/* LMDB: 8 bytes of header and 2 of index for each node; what does not fit twice into a page of 4096
 * bytes has pages of its own. A tag entry is a node with 8 bytes of key and 16 of value, in pages
 * that are about two thirds full. */
enum { NODE_BYTES = 10, PAGE_BYTES = 4096, PAGE_HEADER = 16, NODE_MAX = 2038, TAG_FOOTPRINT = 51 };

static uint64_t head_checksum(struct position last, const unsigned char *head)
{
    unsigned char checked[POSITION_BYTES + HEAD_CHECKED];
    position_encode(last, checked);
    memcpy(checked + POSITION_BYTES, head, HEAD_CHECKED);
    return XXH3_64bits(checked, sizeof(checked));
}

/* --- writing ----------------------------------------------------------------------------- */

static size_t entry_size(const struct record *record)
{
    return ENTRY_BYTES + record_value_size(record);
}

size_t block_fit(const struct record *records, size_t count)
{
    size_t fit = 1;
    size_t size = entry_size(&records[0]);
    while (fit < count && size + entry_size(&records[fit]) <= BLOCK_BYTES)
        size += entry_size(&records[fit++]);
    return fit;
}

void block_packer_init(struct block_packer *packer)
{
    buffer_init(&packer->body, BLOCK_PACKED_MAX);
    buffer_init(&packer->packed, BLOCK_PACKED_MAX);
}

void block_packer_release(struct block_packer *packer)
{
    buffer_release(&packer->body);
    buffer_release(&packer->packed);
}

static unsigned char *write_entry(const struct record *record, unsigned char *at)
{
    size_t size = record_value_size(record);
    position_encode(record->position, at);
    at = put_u32(at + POSITION_BYTES, (uint32_t)size);
    record_encode(record, at);
    return at + size;
}

static int write_body(struct block_packer *packer, const struct record *records, size_t count,
                      size_t size)
{
    buffer_reset(&packer->body);
    unsigned char *at = (unsigned char *)buffer_reserve(&packer->body, size);
    if (!at)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        at = write_entry(&records[i], at);
    packer->body.len = size;
    return 0;
}

/* What does not become smaller stays as it is. */
static int pack(struct block_packer *packer, struct str *ret_packed)
{
    const struct buffer *body = &packer->body;
    buffer_reset(&packer->packed);
    char *to = buffer_reserve(&packer->packed, body->len);
    if (!to)
        return -ENOMEM;
    int size = LZ4_compress_default(body->data, to, (int)body->len, (int)body->len - 1);
    *ret_packed = size > 0 ? (struct str){to, (size_t)size} : buffer_str(body);
    return 0;
}

int block_draft(struct block_packer *packer, struct position previous, const struct record *records,
                size_t count, struct block_draft *ret_draft)
{
    struct block_draft draft = {.records = records, .previous = previous, .count = count};
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += entry_size(&records[i]);
        draft.tags += records[i].has_tag;
    }
    draft.size = HEAD_BYTES + size;
    if (size <= BLOCK_PACKED_MAX) {
        if (write_body(packer, records, count, size) != 0 || pack(packer, &draft.packed) != 0)
            return -ENOMEM;
        draft.size = HEAD_BYTES + draft.packed.len;
    }
    *ret_draft = draft;
    return 0;
}

static size_t body_size(const struct block_draft *draft)
{
    size_t size = 0;
    for (size_t i = 0; i < draft->count; i++)
        size += entry_size(&draft->records[i]);
    return size;
}

static unsigned char *write_position(struct position position, unsigned char *at)
{
    position_encode(position, at);
    return at + POSITION_BYTES;
}

/* Returns the length. */
static size_t write_stored_body(const struct block_draft *draft, unsigned char *at)
{
    if (!draft->packed.data)
        return (size_t)(write_entry(&draft->records[0], at) - at);
    memcpy(at, draft->packed.data, draft->packed.len);
    return draft->packed.len;
}

void block_write(const struct block_draft *draft, unsigned char *value)
{
    const struct record *last = &draft->records[draft->count - 1];
    size_t size = body_size(draft);
    bool compressed = draft->packed.data && draft->packed.len < size;
    unsigned char *body = value + HEAD_BYTES;
    size_t stored = write_stored_body(draft, body);
    unsigned char *at = value;
    *at++ = (compressed ? FLAG_COMPRESSED : 0) | (draft->tags > 0 ? FLAG_TAGS : 0);
    at = put_u32(at, (uint32_t)draft->count);
    at = write_position(draft->previous, at);
    at = write_position(draft->records[0].position, at);
    at = put_u64(at, (uint64_t)last->time_us);
    at = put_u32(at, (uint32_t)size);
    at = put_u64(at, XXH3_64bits(body, stored));
    put_u64(at, head_checksum(last->position, value));
}

/* --- reading ----------------------------------------------------------------------------- */

static struct position take_position(const unsigned char **at)
{
    struct position position = position_decode(*at);
    *at += POSITION_BYTES;
    return position;
}

static void read_head(struct block *block, const unsigned char *at)
{
    block->compressed = (*at & FLAG_COMPRESSED) != 0;
    block->has_tags = (*at & FLAG_TAGS) != 0;
    block->count = get_u32(at + 1);
    at += 1 + 4;
    block->previous = take_position(&at);
    block->first = take_position(&at);
    block->time_us = (int64_t)get_u64(at);
    block->body_len = get_u32(at + 8);
    block->body_checksum = get_u64(at + 8 + 4);
}

int block_open(struct block *ret_block, struct position last, const void *value, size_t len)
{
    const unsigned char *at = value;
    if (len < HEAD_BYTES || get_u64(at + HEAD_CHECKED) != head_checksum(last, at))
        return -EIO;
    struct block block = {.last = last, .body = {(const char *)at + HEAD_BYTES, len - HEAD_BYTES}};
    read_head(&block, at);
    size_t most = block.compressed ? BLOCK_PACKED_MAX : block.body.len;
    if ((*at & ~(FLAG_COMPRESSED | FLAG_TAGS)) != 0 || block.count == 0 ||
        block.count > block.body_len / ENTRY_BYTES || block.body_len > most ||
        (!block.compressed && block.body_len != block.body.len))
        return -EIO;
    *ret_block = block;
    return 0;
}

bool block_follows(const struct block *block, struct position after)
{
    return position_compare(block->previous, after) <= 0;
}

static bool body_is_sound(const struct block *block)
{
    return XXH3_64bits(block->body.data, block->body.len) == block->body_checksum;
}

static int decompress(const struct block *block, char *to)
{
    if (block->body.len > INT_MAX ||
        LZ4_decompress_safe(block->body.data, to, (int)block->body.len, (int)block->body_len) !=
            (int)block->body_len)
        return -EIO;
    return 0;
}

int block_body(const struct block *block, struct buffer *scratch, struct str *ret_body)
{
    if (!body_is_sound(block))
        return -EIO;
    if (!block->compressed) {
        *ret_body = block->body;
        return 0;
    }
    buffer_reset(scratch);
    char *to = buffer_reserve(scratch, block->body_len);
    if (!to)
        return -ENOMEM;
    *ret_body = (struct str){to, block->body_len};
    return decompress(block, to);
}

int block_unpack(const struct block *block, char *to)
{
    if (!body_is_sound(block))
        return -EIO;
    if (block->compressed)
        return decompress(block, to);
    memcpy(to, block->body.data, block->body.len);
    return 0;
}

int block_next(struct str *body, struct block_record *ret_record)
{
    struct block_record record;
    if (body->len == 0)
        return 0;
    if (ENTRY_BYTES > body->len)
        return -EIO;
    const unsigned char *at = (const unsigned char *)body->data;
    uint32_t size = get_u32(at + POSITION_BYTES);
    if (size > body->len - ENTRY_BYTES || record_decode(&record.view, at + ENTRY_BYTES, size) != 0)
        return -EIO;
    record.position = position_decode(at);
    *body = (struct str){body->data + ENTRY_BYTES + size, body->len - ENTRY_BYTES - size};
    *ret_record = record;
    return 1;
}

uint64_t block_footprint(size_t value_size, size_t tags)
{
    uint64_t bytes = NODE_BYTES + POSITION_BYTES + tags * TAG_FOOTPRINT;
    if (POSITION_BYTES + value_size <= NODE_MAX)
        return bytes + value_size;
    uint64_t pages = (PAGE_HEADER + (uint64_t)value_size + PAGE_BYTES - 1) / PAGE_BYTES;
    return bytes + pages * PAGE_BYTES;
}
