/* PostgreSQL's own plugin, as its "Logical Replication Message Formats" say: protocol version 1,
 * values as text. */
#include "decode/decoder.h"

#include "base/clock.h"
#include "base/lsn.h"
#include "decode/pgoutput_row.h"

#include <errno.h>
#include <stdlib.h>

#define NAME_SHOWN_MAX 128 /* bytes of a name in an error */
#define TRANSACTIONAL 1    /* the one flag of a message */

/* Large, but only the pages that a table's number of columns reaches are ever touched. */
struct decoder {
    struct relation_cache *cache; /* borrowed */
    bool open;                    /* between B and C */
    struct transaction transaction;
    uint64_t end_lsn;  /* of the open transaction, or of the next one; 0: not set */
    uint32_t taken;    /* changes of this message that the caller is done with */
    bool more;         /* the change that was given last is not the last of its message */
    struct str schema; /* of the relation that is spoken of, for errors */
    struct str table;
    struct pgoutput_relations relations;
    struct pgoutput_row row;
};

static struct decoder *create(struct relation_cache *cache)
{
    struct decoder *decoder = calloc(1, sizeof(*decoder));

    if (decoder != NULL)
        decoder->cache = cache;
    return decoder;
}

static void destroy(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    pgoutput_relations_clear(&decoder->relations);
    free(decoder);
}

/* A new stream shows its relations again. */
static void reset(struct decoder *decoder)
{
    decoder->open = false;
    decoder->end_lsn = 0;
    decoder->taken = 0;
    decoder->more = false;
    pgoutput_relations_clear(&decoder->relations);
}

static void take(struct decoder *decoder)
{
    decoder->taken = decoder->more ? decoder->taken + 1 : 0;
    decoder->more = false;
}

static void set_end(struct decoder *decoder, uint64_t end_lsn)
{
    decoder->end_lsn = end_lsn;
}

/* --- begin and commit ------------------------------------------------------------------------ */

static int read_time(struct byte_reader *reader, int64_t *ret_time, struct error *err)
{
    uint64_t since_2000;

    if (!read_u64(reader, &since_2000))
        return byte_reader_ends(err);
    if (__builtin_add_overflow((int64_t)since_2000, POSTGRES_EPOCH_US, ret_time))
        return error_set(err, -EBADMSG, "its time is past the year 294246");
    return 0;
}

static int read_begin(struct byte_reader *reader, struct transaction *ret, struct error *err)
{
    struct transaction begun = {0};

    if (!read_u64(reader, &begun.commit_lsn))
        return byte_reader_ends(err);
    int r = read_time(reader, &begun.commit_time, err);
    if (r < 0)
        return r;
    if (!read_u32(reader, &begun.xid))
        return byte_reader_ends(err);
    r = byte_reader_done(reader, err);
    if (r == 0)
        *ret = begun;
    return r;
}

static int read_commit(struct byte_reader *reader, struct transaction *ret, struct error *err)
{
    struct transaction committed = {0};
    uint8_t flags;

    if (!read_u8(reader, &flags) || !read_u64(reader, &committed.commit_lsn) ||
        !read_u64(reader, &committed.end_lsn))
        return byte_reader_ends(err);
    int r = read_time(reader, &committed.commit_time, err);
    if (r == 0)
        r = byte_reader_done(reader, err);
    if (r < 0)
        return r;
    if (flags != 0)
        return error_set(err, -EBADMSG, "it has the unknown flags %u", flags);
    if (committed.end_lsn <= committed.commit_lsn)
        return error_set(err, -EBADMSG, "its transaction ends before it commits");
    *ret = committed;
    return 0;
}

static int check_open(const struct decoder *decoder, struct error *err)
{
    if (!decoder->open)
        return error_set(err, -EBADMSG, "it comes outside of a transaction");
    return 0;
}

static int decode_begin(struct decoder *decoder, struct byte_reader *reader,
                        struct decoded *decoded, struct error *err)
{
    struct transaction begun = {0};

    int r = read_begin(reader, &begun, err);
    if (r < 0)
        return r;
    if (decoder->open)
        return error_set(err, -EBADMSG, "transaction %u begins, but %u is still open", begun.xid,
                         decoder->transaction.xid);
    if (decoder->end_lsn == 0)
        return error_set(err, -EBADMSG, "transaction %u begins before its end is known", begun.xid);
    begun.end_lsn = decoder->end_lsn;
    decoder->transaction = begun;
    decoder->open = true;
    decoded->kind = DECODED_BEGIN;
    return 0;
}

static int decode_commit(struct decoder *decoder, struct byte_reader *reader,
                         struct decoded *decoded, struct error *err)
{
    const struct transaction *open = &decoder->transaction;
    struct transaction committed = {0};

    int r = read_commit(reader, &committed, err);
    if (r == 0)
        r = check_open(decoder, err);
    if (r < 0)
        return r;
    if (committed.commit_lsn != open->commit_lsn || committed.end_lsn != open->end_lsn)
        return error_set(err, -EBADMSG, "transaction %u commits at another LSN than it began with",
                         open->xid);
    decoder->open = false;
    decoder->end_lsn = 0;
    decoded->kind = DECODED_COMMIT;
    return 0;
}

/* --- relations ------------------------------------------------------------------------------- */

static int decode_relation(struct decoder *decoder, struct byte_reader *reader,
                           uint32_t *ret_missing_type, struct error *err)
{
    int r =
        pgoutput_relations_put(&decoder->relations, decoder->cache, reader, ret_missing_type, err);

    decoder->schema = decoder->relations.draft.schema;
    decoder->table = decoder->relations.draft.table;
    return r;
}

/* The catalog knows more of a type than this message, which of a domain names the base. */
static int decode_type(struct byte_reader *reader, struct error *err)
{
    uint32_t oid;
    struct str schema, name;

    if (!read_u32(reader, &oid) || !read_text(reader, &schema) || !read_text(reader, &name))
        return byte_reader_ends(err);
    return byte_reader_done(reader, err);
}

static int decode_origin(struct byte_reader *reader, struct error *err)
{
    uint64_t commit_lsn;
    struct str name;

    if (!read_u64(reader, &commit_lsn) || !read_text(reader, &name))
        return byte_reader_ends(err);
    return byte_reader_done(reader, err);
}

static int read_relation(struct decoder *decoder, struct byte_reader *reader,
                         const struct pgoutput_relation **ret, struct error *err)
{
    uint32_t oid;

    if (!read_u32(reader, &oid))
        return byte_reader_ends(err);
    const struct pgoutput_relation *relation = pgoutput_relations_find(&decoder->relations, oid);
    if (relation == NULL)
        return error_set(err, -EBADMSG, "relation %u was not described before", oid);
    decoder->schema = relation->relation.schema;
    decoder->table = relation->relation.table;
    *ret = relation;
    return 0;
}

/* --- rows, truncates and messages
 * ----------------------------------------------------------------- */

static int decode_row(struct decoder *decoder, char kind, struct byte_reader *reader,
                      struct decoded *decoded, struct error *err)
{
    const struct pgoutput_relation *relation = NULL;

    int r = check_open(decoder, err);
    if (r == 0)
        r = read_relation(decoder, reader, &relation, err);
    if (r == 0)
        pgoutput_relations_before_row(&decoder->relations, relation->oid);
    if (r == 0)
        r = pgoutput_row_read(&decoder->row, relation, kind, reader, &decoded->change, err);
    decoded->kind = DECODED_CHANGE;
    return r;
}

static int decode_truncate(struct decoder *decoder, struct byte_reader *reader,
                           struct decoded *decoded, struct error *err)
{
    const struct pgoutput_relation *relation = NULL;
    uint32_t count;
    uint8_t options; /* CASCADE, RESTART IDENTITY: how it was asked for, not what it did */

    int r = check_open(decoder, err);
    if (r < 0)
        return r;
    pgoutput_relations_pass(&decoder->relations);
    if (!read_u32(reader, &count) || !read_u8(reader, &options))
        return byte_reader_ends(err);
    if (reader->left / sizeof(uint32_t) != count || reader->left % sizeof(uint32_t) != 0)
        return error_set(err, -EBADMSG, "%zu bytes are no list of %u relations", reader->left,
                         count);
    if (decoder->taken >= count)
        return error_set(err, -EBADMSG, "it has only %u relations", count);
    for (uint32_t i = 0; i <= decoder->taken; i++)
        if ((r = read_relation(decoder, reader, &relation, err)) < 0)
            return r;
    decoded->kind = DECODED_CHANGE;
    decoded->change = (struct change){.type = EVENT_TRUNCATE, .relation = &relation->relation};
    decoded->more = decoder->taken + 1 < count;
    return 0;
}

static int check_not_open(const struct decoder *decoder, struct error *err)
{
    if (decoder->open)
        return error_set(err, -EBADMSG, "it is of no transaction, but %u is open",
                         decoder->transaction.xid);
    return 0;
}

static int decode_message(struct decoder *decoder, struct byte_reader *reader,
                          struct decoded *decoded, struct error *err)
{
    uint8_t flags;
    uint64_t lsn;
    struct str prefix, content;
    uint32_t len;

    if (!read_u8(reader, &flags) || !read_u64(reader, &lsn) || !read_text(reader, &prefix) ||
        !read_u32(reader, &len) || !read_bytes(reader, len, &content))
        return byte_reader_ends(err);
    int r = byte_reader_done(reader, err);
    if (r < 0)
        return r;
    if ((flags & ~TRANSACTIONAL) != 0)
        return error_set(err, -EBADMSG, "it has the unknown flags %u", flags);
    bool inside = flags == TRANSACTIONAL;
    r = inside ? check_open(decoder, err) : check_not_open(decoder, err);
    decoded->kind = inside ? DECODED_CHANGE : DECODED_MESSAGE;
    if (!inside)
        decoded->transaction.end_lsn = lsn;
    decoded->change = (struct change){.type = EVENT_MESSAGE, .prefix = prefix, .content = content};
    return r;
}

/* --- the table of functions ------------------------------------------------------------------ */

static int decode_kind(struct decoder *decoder, char kind, struct byte_reader *reader,
                       struct decoded *decoded, uint32_t *ret_missing_type, struct error *err)
{
    int r;

    switch (kind) {
    case 'B':
        return decode_begin(decoder, reader, decoded, err);
    case 'C':
        return decode_commit(decoder, reader, decoded, err);
    case 'I':
    case 'U':
    case 'D':
        return decode_row(decoder, kind, reader, decoded, err);
    case 'T':
        return decode_truncate(decoder, reader, decoded, err);
    case 'M':
        return decode_message(decoder, reader, decoded, err);
    case 'R':
        r = check_open(decoder, err);
        return r < 0 ? r : decode_relation(decoder, reader, ret_missing_type, err);
    case 'Y':
        r = check_open(decoder, err);
        return r < 0 ? r : decode_type(reader, err);
    case 'O':
        r = check_open(decoder, err);
        return r < 0 ? r : decode_origin(reader, err);
    default:
        return error_set(err, -EBADMSG, "such a message is not part of protocol version 1");
    }
}

static int shown(struct str name)
{
    return (int)(name.len < NAME_SHOWN_MAX ? name.len : NAME_SHOWN_MAX);
}

/* Puts before ERR where it happened: kind, LSN, and the relation if there is one. */
static void explain(struct error *err, const struct decoder *decoder, uint8_t kind, uint64_t lsn)
{
    char position[LSN_TEXT_MAX];
    char name[8];

    lsn_format(lsn, position);
    snprintf(name, sizeof(name), kind > ' ' && kind < 0x7f ? "%c" : "0x%02x", kind);
    if (decoder == NULL || decoder->table.len == 0)
        error_prefix(err, "pgoutput message %s at %s", name, position);
    else
        error_prefix(err, "pgoutput message %s at %s, relation %.*s.%.*s", name, position,
                     shown(decoder->schema), decoder->schema.data, shown(decoder->table),
                     decoder->table.data);
}

static int decode(struct decoder *decoder, struct str message, uint64_t lsn, struct decoded *ret,
                  uint32_t *ret_missing_type, struct error *err)
{
    struct decoded decoded = {.kind = DECODED_NOTHING};
    struct error failure = {0};
    struct byte_reader reader = byte_reader(message);
    uint8_t kind = '\0';
    int r;

    decoder->schema = decoder->table = (struct str){NULL, 0};
    if (read_u8(&reader, &kind))
        r = decode_kind(decoder, (char)kind, &reader, &decoded, ret_missing_type, &failure);
    else
        r = error_set(&failure, -EBADMSG, "it is empty");
    if (r < 0) {
        explain(&failure, decoder, kind, lsn);
        return error_set(err, r, "%s", failure.text);
    }
    if (decoded.kind != DECODED_NOTHING && decoded.kind != DECODED_MESSAGE)
        decoded.transaction = decoder->transaction;
    decoder->more = decoded.more;
    *ret = decoded;
    return 0;
}

static int peek(struct str message, uint64_t lsn, enum decoded_kind *ret_kind,
                struct transaction *ret, struct error *err)
{
    struct byte_reader reader = byte_reader(message);
    struct error failure = {0};
    uint8_t kind = '\0';

    if (!read_u8(&reader, &kind) || (kind != 'B' && kind != 'C')) {
        *ret_kind = DECODED_NOTHING;
        return 0;
    }
    int r = kind == 'B' ? read_begin(&reader, ret, &failure) : read_commit(&reader, ret, &failure);
    if (r < 0) {
        explain(&failure, NULL, kind, lsn);
        return error_set(err, r, "%s", failure.text);
    }
    *ret_kind = kind == 'B' ? DECODED_BEGIN : DECODED_COMMIT;
    return 0;
}

const struct decoder_ops pgoutput_decoder = {
    .plugin = "pgoutput",
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .decode = decode,
    .take = take,
    .peek = peek,
    .set_end = set_end,
};
