#include "decode/decoder.h"

#include "base/lsn.h"
#include "decode/wal2json_message.h"
#include "decode/wal2json_relation.h"

#include <errno.h>

#define NAME_SHOWN_MAX 128 /* bytes of a name in an error */

/* Large, but only the pages that a table's number of columns reaches are ever touched. */
struct decoder {
    struct relation_cache *cache; /* borrowed */
    bool open;                    /* between B and C */
    struct transaction transaction;
    struct json_reader reader;
    struct wal2json_message message;
    struct wal2json_draft draft;
    struct value new_values[WAL2JSON_COLUMNS_MAX];
    struct value old_values[WAL2JSON_COLUMNS_MAX];
};

static struct decoder *create(struct relation_cache *cache)
{
    struct decoder *decoder = calloc(1, sizeof(*decoder));

    if (decoder == NULL)
        return NULL;
    decoder->cache = cache;
    json_reader_init(&decoder->reader);
    return decoder;
}

static void destroy(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    json_reader_release(&decoder->reader);
    free(decoder);
}

static void reset(struct decoder *decoder)
{
    decoder->open = false;
}

static bool is_hex(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return text.len % 2 == 0;
}

/* wal2json cuts off two bytes, which are \x when bytea_output is hex and data when it is not. */
static int bytea_value(struct decoder *decoder, struct str digits, struct str *ret,
                       struct error *err)
{
    if (!is_hex(digits))
        return error_set(err, -EBADMSG,
                         "bytea that is not hex: the replication connection needs "
                         "bytea_output=hex");
    char *text = json_scratch(&decoder->reader, digits.len + 2);
    if (text == NULL)
        return error_set(err, -ENOMEM, "memory is out");
    text[0] = '\\';
    text[1] = 'x';
    if (digits.len > 0)
        memcpy(text + 2, digits.data, digits.len);
    *ret = (struct str){text, digits.len + 2};
    return 0;
}

/* PostgreSQL's text output again, from what wal2json made of it. */
static int value_of(struct decoder *decoder, const struct scalar *scalar,
                    const struct type_info *type, struct value *ret, struct error *err)
{
    *ret = (struct value){.kind = VALUE_TEXT, .text = scalar->text};
    switch (scalar->kind) {
    case SCALAR_NULL:
        *ret = (struct value){.kind = VALUE_NULL};
        break;
    case SCALAR_FALSE:
        ret->text = STR("f");
        break;
    case SCALAR_TRUE:
        ret->text = STR("t");
        break;
    case SCALAR_STRING:
        if (type->is_bytea)
            return bytea_value(decoder, scalar->text, &ret->text, err);
        break;
    case SCALAR_NUMBER:
        break;
    }
    return 0;
}

static int shown(struct str name)
{
    return (int)(name.len < NAME_SHOWN_MAX ? name.len : NAME_SHOWN_MAX);
}

/* Fills VALUES, one for each column of RELATION; VALUE_ABSENT for those that COLUMNS lacks. */
static int fill_values(struct decoder *decoder, const struct relation *relation,
                       const struct wal2json_columns *columns, struct value *values,
                       struct error *err)
{
    memset(values, 0, relation->column_count * sizeof(values[0]));
    for (uint16_t i = 0; i < columns->count; i++) {
        const struct wal2json_column *column = &columns->items[i];
        struct value *value = &values[column->index];
        int r = 0;
        if (value->kind != VALUE_ABSENT)
            r = error_set(err, -EBADMSG, "it is there twice");
        else
            r = value_of(decoder, &column->value, relation->columns[column->index].type, value,
                         err);
        if (r < 0)
            return error_prefix(err, "column %.*s", shown(column->name), column->name.data);
    }
    return 0;
}

/* What an update did not send it did not touch: the old value when that is known. */
static void fill_untouched(const struct relation *relation, struct value *new_values,
                           const struct value *old_values)
{
    for (uint16_t i = 0; i < relation->column_count; i++) {
        if (new_values[i].kind != VALUE_ABSENT)
            continue;
        if (old_values != NULL && old_values[i].kind != VALUE_ABSENT)
            new_values[i] = old_values[i];
        else
            new_values[i].kind = VALUE_UNCHANGED;
    }
}

static int check_open(const struct decoder *decoder, struct error *err)
{
    const struct wal2json_message *message = &decoder->message;

    if (!decoder->open)
        return error_set(err, -EBADMSG, "it comes outside of a transaction");
    if (message->xid != decoder->transaction.xid)
        return error_set(err, -EBADMSG, "it is of transaction %u, but %u is open", message->xid,
                         decoder->transaction.xid);
    return 0;
}

static int decode_begin(struct decoder *decoder, struct decoded *decoded, struct error *err)
{
    const struct wal2json_message *message = &decoder->message;

    if (decoder->open)
        return error_set(err, -EBADMSG, "transaction %u begins, but %u is still open", message->xid,
                         decoder->transaction.xid);
    decoder->transaction = (struct transaction){
        .xid = message->xid,
        .commit_lsn = message->lsn,
        .end_lsn = message->nextlsn,
        .commit_time = message->timestamp,
    };
    decoder->open = true;
    decoded->kind = DECODED_BEGIN;
    return 0;
}

static int decode_commit(struct decoder *decoder, struct decoded *decoded, struct error *err)
{
    const struct wal2json_message *message = &decoder->message;

    int r = check_open(decoder, err);
    if (r < 0)
        return r;
    if (message->lsn != decoder->transaction.commit_lsn ||
        message->nextlsn != decoder->transaction.end_lsn)
        return error_set(err, -EBADMSG, "transaction %u commits at another LSN than it began with",
                         message->xid);
    decoder->open = false;
    decoded->kind = DECODED_COMMIT;
    return 0;
}

static int decode_row(struct decoder *decoder, struct decoded *decoded, uint32_t *ret_missing_type,
                      struct error *err)
{
    struct wal2json_message *message = &decoder->message;
    struct change *change = &decoded->change;

    int r = check_open(decoder, err);
    if (r < 0)
        return r;
    r = wal2json_relation(decoder->cache, message, &decoder->draft, &change->relation,
                          ret_missing_type, err);
    if (r < 0 || change->relation == NULL)
        return r;
    if (change->type == EVENT_INSERT || change->type == EVENT_UPDATE)
        change->new_values = decoder->new_values;
    if (change->type != EVENT_TRUNCATE && (message->fields & WAL2JSON_IDENTITY) != 0)
        change->old_values = decoder->old_values;

    if (change->old_values != NULL)
        r = fill_values(decoder, change->relation, &message->identity, decoder->old_values, err);
    if (r == 0 && change->new_values != NULL)
        r = fill_values(decoder, change->relation, &message->columns, decoder->new_values, err);
    if (r == 0 && change->type == EVENT_UPDATE)
        fill_untouched(change->relation, decoder->new_values, change->old_values);
    decoded->kind = DECODED_CHANGE;
    return r;
}

static int check_not_open(const struct decoder *decoder, struct error *err)
{
    if (decoder->open)
        return error_set(err, -EBADMSG, "it is of no transaction, but %u is open",
                         decoder->transaction.xid);
    return 0;
}

static int decode_message(struct decoder *decoder, struct decoded *decoded, struct error *err)
{
    const struct wal2json_message *message = &decoder->message;
    bool inside = message->transactional;

    int r = inside ? check_open(decoder, err) : check_not_open(decoder, err);
    if (r < 0)
        return r;
    decoded->kind = inside ? DECODED_CHANGE : DECODED_MESSAGE;
    if (!inside)
        decoded->transaction.end_lsn = message->lsn;
    decoded->change.prefix = message->prefix;
    decoded->change.content = message->content;
    return 0;
}

static int decode_action(struct decoder *decoder, struct decoded *decoded,
                         uint32_t *ret_missing_type, struct error *err)
{
    switch (decoder->message.action) {
    case 'B':
        return decode_begin(decoder, decoded, err);
    case 'C':
        return decode_commit(decoder, decoded, err);
    case 'I':
        decoded->change.type = EVENT_INSERT;
        return decode_row(decoder, decoded, ret_missing_type, err);
    case 'U':
        decoded->change.type = EVENT_UPDATE;
        return decode_row(decoder, decoded, ret_missing_type, err);
    case 'D':
        decoded->change.type = EVENT_DELETE;
        return decode_row(decoder, decoded, ret_missing_type, err);
    case 'T':
        decoded->change.type = EVENT_TRUNCATE;
        return decode_row(decoder, decoded, ret_missing_type, err);
    default: /* 'M': wal2json_message_read() lets no other pass */
        decoded->change.type = EVENT_MESSAGE;
        return decode_message(decoder, decoded, err);
    }
}

/* Puts before ERR where it happened: LSN, and the relation if the message got that far. */
static int explain(const struct wal2json_message *message, uint64_t lsn, struct error *err)
{
    const unsigned name = WAL2JSON_SCHEMA | WAL2JSON_TABLE;
    char position[LSN_TEXT_MAX];

    lsn_format(lsn, position);
    if ((message->fields & name) != name)
        return error_prefix(err, "wal2json message at %s", position);
    return error_prefix(err, "wal2json message at %s, relation %.*s.%.*s", position,
                        shown(message->schema), message->schema.data, shown(message->table),
                        message->table.data);
}

static int decode(struct decoder *decoder, struct str message, uint64_t lsn, struct decoded *ret,
                  uint32_t *ret_missing_type, struct error *err)
{
    struct decoded decoded = {.kind = DECODED_NOTHING};
    struct error failure = {0};

    relation_cache_collect(decoder->cache);
    int r = wal2json_message_read(&decoder->message, &decoder->reader, message, &failure);
    if (r == 0)
        r = decode_action(decoder, &decoded, ret_missing_type, &failure);
    if (r < 0) {
        explain(&decoder->message, lsn, &failure);
        return error_set(err, r, "%s", failure.text);
    }
    /* After a C too: the commit is of this transaction. */
    if (decoded.kind != DECODED_NOTHING && decoded.kind != DECODED_MESSAGE)
        decoded.transaction = decoder->transaction;
    *ret = decoded;
    return 0;
}

const struct decoder_ops wal2json_decoder = {
    .plugin = "wal2json",
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .decode = decode,
};
