#include "decode/pgoutput_row.h"

#include <errno.h>

#define NAME_SHOWN_MAX 128 /* bytes of a name in an error */

static int read_value(struct byte_reader *reader, const struct type_info *type, struct value *ret,
                      struct error *err)
{
    uint8_t kind;
    uint32_t len;

    if (!read_u8(reader, &kind))
        return byte_reader_ends(err);
    switch (kind) {
    case 'n':
        *ret = (struct value){.kind = VALUE_NULL};
        return 0;
    case 'u':
        *ret = (struct value){.kind = VALUE_UNCHANGED};
        return 0;
    case 't':
        break;
    default:
        return error_set(err, -EBADMSG, "its value is of the unknown kind 0x%02x", kind);
    }
    ret->kind = VALUE_TEXT;
    if (!read_u32(reader, &len) || !read_bytes(reader, len, &ret->text))
        return byte_reader_ends(err);
    if (type->is_bytea && !str_starts_with(ret->text, STR("\\x")))
        return error_set(err, -EBADMSG,
                         "bytea that is not hex: the replication connection needs "
                         "bytea_output=hex");
    return 0;
}

/* Fills VALUES, one for each column of RELATION. */
static int read_tuple(struct byte_reader *reader, const struct relation *relation,
                      struct value *values, struct error *err)
{
    uint16_t count;

    if (!read_u16(reader, &count))
        return byte_reader_ends(err);
    if (count != relation->column_count)
        return error_set(err, -EBADMSG, "a row of %u columns, but the relation has %u", count,
                         relation->column_count);
    for (uint16_t i = 0; i < count; i++) {
        const struct relation_column *column = &relation->columns[i];
        if (read_value(reader, column->type, &values[i], err) < 0)
            return error_prefix(err, "column %.*s",
                                STR_ARG(str_truncate(column->name, NAME_SHOWN_MAX)));
    }
    return 0;
}

/* The old row. Of a key (K) the other columns are null and say nothing. */
static int read_old(struct byte_reader *reader, uint8_t kind,
                    const struct pgoutput_relation *relation, struct value *values,
                    struct error *err)
{
    int r = read_tuple(reader, &relation->relation, values, err);

    for (uint16_t i = 0; r == 0 && i < relation->relation.column_count; i++)
        if ((kind == 'K' && !relation->in_identity[i]) || values[i].kind == VALUE_UNCHANGED ||
            (values[i].kind == VALUE_NULL && relation->old_nulls_unknown))
            values[i] = (struct value){.kind = VALUE_ABSENT};
    return r;
}

/* An update without an old row left the columns of its key as they were. */
static void fill_old_key(const struct pgoutput_relation *relation, const struct value *new_values,
                         struct value *old_values)
{
    bool by_key = relation->identity == 'd' || relation->identity == 'i';

    for (uint16_t i = 0; i < relation->relation.column_count; i++) {
        bool known = by_key && relation->in_identity[i] && new_values[i].kind != VALUE_UNCHANGED;
        old_values[i] = known ? new_values[i] : (struct value){.kind = VALUE_ABSENT};
    }
}

/* What the update did not touch and the server did not send is the old value when that is known. */
static void fill_untouched(const struct relation *relation, struct value *new_values,
                           const struct value *old_values)
{
    for (uint16_t i = 0; i < relation->column_count; i++)
        if (new_values[i].kind == VALUE_UNCHANGED && old_values[i].kind != VALUE_ABSENT)
            new_values[i] = old_values[i];
}

static int check_all_sent(const struct relation *relation, const struct value *values,
                          struct error *err)
{
    for (uint16_t i = 0; i < relation->column_count; i++)
        if (values[i].kind == VALUE_UNCHANGED)
            return error_set(err, -EBADMSG, "column %.*s: an inserted row lacks its value",
                             STR_ARG(str_truncate(relation->columns[i].name, NAME_SHOWN_MAX)));
    return 0;
}

static int wrong_tuple(uint8_t kind, struct error *err)
{
    return error_set(err, -EBADMSG, "unexpected row of kind 0x%02x", kind);
}

static int read_insert(struct pgoutput_row *row, const struct pgoutput_relation *relation,
                       struct byte_reader *reader, struct error *err)
{
    uint8_t kind;

    if (!read_u8(reader, &kind))
        return byte_reader_ends(err);
    if (kind != 'N')
        return wrong_tuple(kind, err);
    int r = read_tuple(reader, &relation->relation, row->new_values, err);
    return r < 0 ? r : check_all_sent(&relation->relation, row->new_values, err);
}

static int read_update(struct pgoutput_row *row, const struct pgoutput_relation *relation,
                       struct byte_reader *reader, struct error *err)
{
    uint8_t kind;

    if (!read_u8(reader, &kind))
        return byte_reader_ends(err);
    bool has_old = kind == 'K' || kind == 'O';
    if (has_old) {
        int r = read_old(reader, kind, relation, row->old_values, err);
        if (r < 0)
            return r;
        if (!read_u8(reader, &kind))
            return byte_reader_ends(err);
    }
    if (kind != 'N')
        return wrong_tuple(kind, err);
    int r = read_tuple(reader, &relation->relation, row->new_values, err);
    if (r < 0)
        return r;
    if (has_old)
        fill_untouched(&relation->relation, row->new_values, row->old_values);
    else
        fill_old_key(relation, row->new_values, row->old_values);
    return 0;
}

static int read_delete(struct pgoutput_row *row, const struct pgoutput_relation *relation,
                       struct byte_reader *reader, struct error *err)
{
    uint8_t kind;

    if (!read_u8(reader, &kind))
        return byte_reader_ends(err);
    if (kind != 'K' && kind != 'O')
        return wrong_tuple(kind, err);
    return read_old(reader, kind, relation, row->old_values, err);
}

int pgoutput_row_read(struct pgoutput_row *row, const struct pgoutput_relation *relation, char kind,
                      struct byte_reader *reader, struct change *ret, struct error *err)
{
    struct change change = {.relation = &relation->relation};
    int r;

    if (kind == 'I') {
        change.type = EVENT_INSERT;
        change.new_values = row->new_values;
        r = read_insert(row, relation, reader, err);
    } else if (kind == 'U') {
        change.type = EVENT_UPDATE;
        change.new_values = row->new_values;
        change.old_values = row->old_values;
        r = read_update(row, relation, reader, err);
    } else {
        change.type = EVENT_DELETE;
        change.old_values = row->old_values;
        r = read_delete(row, relation, reader, err);
    }
    if (r == 0)
        r = byte_reader_done(reader, err);
    if (r == 0)
        *ret = change;
    return r;
}
