#include "decode/wal2json_message.h"

#include "base/lsn.h"
#include "decode/pg_timestamp.h"

#define CHANGE_FIELDS (WAL2JSON_XID | WAL2JSON_SCHEMA | WAL2JSON_TABLE)

/* What wal2json calls a field, and the option that makes it send it. */
static const struct field_row {
    enum wal2json_field field;
    struct str name;
    struct str after; /* how it stands behind another member */
    const char *option;
} field_rows[] = {
#define ROW(field, name, option)                                                                   \
    {                                                                                              \
        field, STR(name), STR(",\"" name "\":"), option                                            \
    }
    ROW(WAL2JSON_ACTION, "action", "format-version=2"),
    ROW(WAL2JSON_XID, "xid", "include-xids=true"),
    ROW(WAL2JSON_TIMESTAMP, "timestamp", "include-timestamp=true"),
    ROW(WAL2JSON_LSN, "lsn", "include-lsn=true"),
    ROW(WAL2JSON_SCHEMA, "schema", "include-schemas=true"),
    ROW(WAL2JSON_TABLE, "table", "format-version=2"),
    ROW(WAL2JSON_COLUMNS, "columns", "format-version=2"),
    ROW(WAL2JSON_PK, "pk", "include-pk=true"),
    ROW(WAL2JSON_IDENTITY, "identity", "format-version=2"),
    ROW(WAL2JSON_NEXTLSN, "nextlsn", "include-lsn=true"),
    ROW(WAL2JSON_TRANSACTIONAL, "transactional", "format-version=2"),
    ROW(WAL2JSON_PREFIX, "prefix", "format-version=2"),
    ROW(WAL2JSON_CONTENT, "content", "format-version=2"),
#undef ROW
};
#define FIELD_ROWS (sizeof(field_rows) / sizeof(field_rows[0]))

static const struct field_row *find_field(struct str name)
{
    for (size_t i = 0; i < FIELD_ROWS; i++)
        if (str_equal(field_rows[i].name, name))
            return &field_rows[i];
    return NULL;
}

/* 0, or -EINVAL for what is no integer from MIN to MAX. */
static int integer_of(const struct scalar *scalar, int64_t min, int64_t max, int64_t *ret)
{
    int64_t value;

    if (scalar->kind != SCALAR_NUMBER || str_to_int64(scalar->text, &value) < 0)
        return -EINVAL;
    if (value < min || value > max)
        return -EINVAL;
    *ret = value;
    return 0;
}

/* An OID as it nearly always stands there: few digits, and a comma or the end of the object. False,
 * and nothing is read, in any other case. */
static bool accept_oid(struct json_reader *reader, uint32_t *ret_oid)
{
    const char *at = reader->at;
    const char *end = reader->end - at > 9 ? at + 9 : reader->end;
    uint32_t oid = 0;

    if (at == end || *at < '1' || *at > '9')
        return false;
    while (at < end && *at >= '0' && *at <= '9')
        oid = 10 * oid + (uint32_t)(*at++ - '0');
    if (at == end || (*at != ',' && *at != '}'))
        return false;
    reader->at = at;
    *ret_oid = oid;
    return true;
}

static int read_type_oid(struct json_reader *reader, uint32_t *ret_oid)
{
    struct scalar scalar;
    int64_t oid;

    if (accept_oid(reader, ret_oid))
        return 0;
    int r = json_read_scalar(reader, &scalar);
    if (r < 0)
        return r;
    /* wal2json prints OIDs with %d: from 2^31 on they come negative. */
    if (integer_of(&scalar, INT32_MIN, UINT32_MAX, &oid) < 0 || oid == 0)
        return json_fail(reader, "typeoid is no OID");
    *ret_oid = (uint32_t)oid;
    return 0;
}

enum column_member { COLUMN_NAME = 1 << 0, COLUMN_TYPE = 1 << 1, COLUMN_VALUE = 1 << 2 };

static enum column_member find_column_member(struct str name)
{
    if (str_equal(name, STR("name")))
        return COLUMN_NAME;
    if (str_equal(name, STR("typeoid")))
        return COLUMN_TYPE;
    return str_equal(name, STR("value")) ? COLUMN_VALUE : 0;
}

static int read_column_member(struct json_reader *reader, enum column_member member,
                              struct wal2json_column *column)
{
    switch (member) {
    case COLUMN_NAME:
        return json_read_string(reader, &column->name);
    case COLUMN_TYPE:
        return read_type_oid(reader, &column->type_oid);
    case COLUMN_VALUE:
        return json_read_scalar(reader, &column->value);
    default:
        return json_skip(reader);
    }
}

/* What wal2json always writes as member number PLACE: most of a message is such names, and so they
 * are not read letter by letter. */
static enum column_member accept_column_member(struct json_reader *reader, unsigned place)
{
    if (place == 0)
        return json_accept(reader, STR("\"name\":")) ? COLUMN_NAME : 0;
    if (place == 1)
        return json_accept(reader, STR(",\"typeoid\":")) ? COLUMN_TYPE : 0;
    return place == 2 && json_accept(reader, STR(",\"value\":")) ? COLUMN_VALUE : 0;
}

/* As json_next_member(), with *RET_MEMBER 0 for one of another name. */
static int next_column_member(struct json_reader *reader, unsigned place,
                              enum column_member *ret_member)
{
    struct str name;
    enum column_member member = accept_column_member(reader, place);

    int r = member != 0 ? 1 : json_next_member(reader, &name);
    if (r > 0)
        *ret_member = member != 0 ? member : find_column_member(name);
    return r;
}

/* True when name and type of COLUMN are HEAD's, and are passed over. */
static bool accept_head(struct json_reader *reader, const struct wal2json_head *head,
                        struct wal2json_column *column)
{
    const char *begin = reader->at;

    if (head->len == 0 || reader->end - begin <= head->len ||
        (begin[head->len] != ',' && begin[head->len] != '}') ||
        !json_accept(reader, (struct str){head->text, head->len}))
        return false;
    column->name = (struct str){begin + head->name_at, head->name_len};
    column->type_oid = head->type_oid;
    return true;
}

/* Remembers what stands from BEGIN up to where the reader is; not a name with escapes. */
static void keep_head(struct wal2json_head *head, const struct json_reader *reader,
                      const char *begin, const struct wal2json_column *column)
{
    size_t len = (size_t)(reader->at - begin);

    head->len = 0;
    if (len > sizeof(head->text) || column->name.data < begin || column->name.data >= reader->at)
        return;
    memcpy(head->text, begin, len);
    head->len = (uint8_t)len;
    head->name_at = (uint8_t)(column->name.data - begin);
    head->name_len = (uint8_t)column->name.len;
    head->type_oid = column->type_oid;
}

static int read_column(struct json_reader *reader, struct wal2json_column *column,
                       struct wal2json_head *head, unsigned needed)
{
    const unsigned of_head = COLUMN_NAME | COLUMN_TYPE;
    const char *begin = reader->at;
    enum column_member member;
    bool known = accept_head(reader, head, column);
    unsigned seen = known ? of_head : 0, place = known ? 2 : 0;

    int r = known ? 0 : json_enter(reader, '{');
    while (r == 0 && (r = next_column_member(reader, place++, &member)) > 0) {
        if ((seen & member) != 0)
            return json_fail(reader, "a member of a column is there twice");
        seen |= member;
        r = read_column_member(reader, member, column);
        if (r == 0 && place == 2 && seen == of_head && !known)
            keep_head(head, reader, begin, column);
    }
    if (r < 0)
        return r;
    if ((needed & ~seen & COLUMN_TYPE) != 0)
        return json_fail(reader, "a column has no typeoid: start the stream with "
                                 "include-type-oids=true");
    return (needed & ~seen) == 0 ? 0 : json_fail(reader, "a column has no name or no value");
}

static int read_columns(struct json_reader *reader, struct wal2json_columns *columns,
                        unsigned needed)
{
    uint16_t count = 0;

    int r = json_enter(reader, '[');
    while (r == 0 && (r = json_next_element(reader)) > 0) {
        if (count == WAL2JSON_COLUMNS_MAX)
            return json_fail(reader, "more than 1600 columns");
        r = read_column(reader, &columns->items[count], &columns->heads[count], needed);
        count++;
    }
    columns->count = count;
    return r;
}

static int read_action(struct json_reader *reader, char *ret)
{
    static const char actions[] = {'B', 'C', 'I', 'U', 'D', 'T', 'M'};
    struct str text;

    int r = json_read_string(reader, &text);
    if (r < 0)
        return r;
    if (text.len != 1 || memchr(actions, text.data[0], sizeof(actions)) == NULL)
        return json_fail(reader, "an action that walpiper does not know");
    *ret = text.data[0];
    return 0;
}

static int read_lsn(struct json_reader *reader, uint64_t *ret)
{
    struct str text;

    int r = json_read_string(reader, &text);
    if (r < 0)
        return r;
    return lsn_parse(text, ret) == 0 ? 0 : json_fail(reader, "not an LSN");
}

static int read_bool(struct json_reader *reader, bool *ret)
{
    struct scalar scalar;

    int r = json_read_scalar(reader, &scalar);
    if (r < 0)
        return r;
    if (scalar.kind != SCALAR_TRUE && scalar.kind != SCALAR_FALSE)
        return json_fail(reader, "true or false is expected");
    *ret = scalar.kind == SCALAR_TRUE;
    return 0;
}

/* xid and timestamp are null in a message outside of transactions: -ENODATA. */
static int read_xid(struct json_reader *reader, uint32_t *ret)
{
    struct scalar scalar;
    int64_t xid;

    int r = json_read_scalar(reader, &scalar);
    if (r < 0)
        return r;
    if (scalar.kind == SCALAR_NULL)
        return -ENODATA;
    if (integer_of(&scalar, 1, UINT32_MAX, &xid) < 0)
        return json_fail(reader, "not a transaction id");
    *ret = (uint32_t)xid;
    return 0;
}

static int parse_time(struct wal2json_time *time, struct str text)
{
    if (str_equal(text, (struct str){time->text, time->len}) && text.len > 0)
        return 0;
    time->len = 0;
    if (pg_timestamp_parse(text, &time->value) < 0)
        return -EBADMSG;
    if (text.len > sizeof(time->text))
        return 0;
    memcpy(time->text, text.data, text.len);
    time->len = text.len;
    return 0;
}

static int read_timestamp(struct wal2json_message *message, struct json_reader *reader)
{
    struct scalar scalar;

    int r = json_read_scalar(reader, &scalar);
    if (r < 0)
        return r;
    if (scalar.kind == SCALAR_NULL)
        return -ENODATA;
    if (scalar.kind != SCALAR_STRING || parse_time(&message->time, scalar.text) < 0)
        return json_fail(reader, "not a timestamp in datestyle ISO");
    message->timestamp = message->time.value;
    return 0;
}

static int read_field(struct wal2json_message *message, struct json_reader *reader,
                      enum wal2json_field field)
{
    const unsigned values = COLUMN_NAME | COLUMN_TYPE | COLUMN_VALUE;

    switch (field) {
    case WAL2JSON_ACTION:
        return read_action(reader, &message->action);
    case WAL2JSON_XID:
        return read_xid(reader, &message->xid);
    case WAL2JSON_TIMESTAMP:
        return read_timestamp(message, reader);
    case WAL2JSON_LSN:
        return read_lsn(reader, &message->lsn);
    case WAL2JSON_NEXTLSN:
        return read_lsn(reader, &message->nextlsn);
    case WAL2JSON_SCHEMA:
        return json_read_string(reader, &message->schema);
    case WAL2JSON_TABLE:
        return json_read_string(reader, &message->table);
    case WAL2JSON_COLUMNS:
        return read_columns(reader, &message->columns, values);
    case WAL2JSON_IDENTITY:
        return read_columns(reader, &message->identity, values);
    case WAL2JSON_PK:
        return read_columns(reader, &message->pk, COLUMN_NAME | COLUMN_TYPE);
    case WAL2JSON_TRANSACTIONAL:
        return read_bool(reader, &message->transactional);
    case WAL2JSON_PREFIX:
        return json_read_string(reader, &message->prefix);
    case WAL2JSON_CONTENT:
        return json_read_string(reader, &message->content);
    }
    return json_skip(reader);
}

static int read_member(struct wal2json_message *message, struct json_reader *reader,
                       const struct field_row *row)
{
    if (row == NULL)
        return json_skip(reader);
    if ((message->fields & row->field) != 0)
        return json_fail(reader, "a member is there twice");
    int r = read_field(message, reader, row->field);
    if (r == -ENODATA)
        return 0;
    if (r == 0)
        message->fields |= row->field;
    return r;
}

/* As json_next_member(), with the row of its name, NULL for a name that has none. *ROW was that of
 * the member before: messages have most members in the order of the table. */
static int next_field(struct json_reader *reader, const struct field_row **row)
{
    const struct field_row *next = *row != NULL ? *row + 1 : NULL;
    struct str name;

    if (next != NULL && next < field_rows + FIELD_ROWS && json_accept(reader, next->after)) {
        *row = next;
        return 1;
    }
    int r = json_next_member(reader, &name);
    if (r > 0)
        *row = find_field(name);
    return r;
}

static int read_members(struct wal2json_message *message, struct json_reader *reader,
                        struct str text)
{
    const struct field_row *row = NULL;

    int r = json_start(reader, text);
    if (r == 0)
        r = json_enter(reader, '{');
    while (r == 0 && (r = next_field(reader, &row)) > 0)
        r = read_member(message, reader, row);
    return r < 0 ? r : json_finish(reader);
}

static unsigned needed_fields(const struct wal2json_message *message)
{
    switch (message->action) {
    case 'B':
    case 'C':
        return WAL2JSON_XID | WAL2JSON_TIMESTAMP | WAL2JSON_LSN | WAL2JSON_NEXTLSN;
    case 'I':
    case 'U':
        return CHANGE_FIELDS | WAL2JSON_COLUMNS | WAL2JSON_PK;
    case 'D':
        return CHANGE_FIELDS | WAL2JSON_IDENTITY | WAL2JSON_PK;
    case 'T':
        return CHANGE_FIELDS;
    case 'M':
        return WAL2JSON_TRANSACTIONAL | WAL2JSON_PREFIX | WAL2JSON_CONTENT |
               (message->transactional ? WAL2JSON_XID : WAL2JSON_LSN);
    default:
        return WAL2JSON_ACTION;
    }
}

/* What only another action has: a message that says two things is no message. */
static unsigned forbidden_fields(const struct wal2json_message *message)
{
    switch (message->action) {
    case 'I':
        return WAL2JSON_IDENTITY;
    case 'D':
        return WAL2JSON_COLUMNS;
    default:
        return 0;
    }
}

static int check_fields(const struct wal2json_message *message, struct error *err)
{
    unsigned missing = needed_fields(message) & ~message->fields;
    unsigned surplus = forbidden_fields(message) & message->fields;

    for (size_t i = 0; i < FIELD_ROWS; i++) {
        const struct field_row *row = &field_rows[i];
        if ((missing & row->field) != 0)
            return error_set(err, -EBADMSG, "\"%s\" is missing: start the stream with %s",
                             row->name.data, row->option);
        if ((surplus & row->field) != 0)
            return error_set(err, -EBADMSG, "\"%s\" does not belong to action %c", row->name.data,
                             message->action);
    }
    return 0;
}

int wal2json_message_read(struct wal2json_message *message, struct json_reader *reader,
                          struct str text, struct error *err)
{
    message->fields = 0;
    message->action = '\0';
    message->transactional = false;
    message->columns.count = message->identity.count = message->pk.count = 0;

    int r = read_members(message, reader, text);
    if (r < 0)
        return error_set(err, r, "%s, at byte %zu of %zu", reader->fault, json_offset(reader),
                         text.len);
    return check_fields(message, err);
}
