#include "feed/topic.h"

#include <errno.h>

struct table_name table_name_parse(struct str text)
{
    struct str rest = text;
    struct str head = str_cut(&rest, '.');

    if (rest.data == NULL)
        return (struct table_name){STR("public"), text};
    return (struct table_name){head, rest};
}

bool table_name_equal(struct table_name a, struct table_name b)
{
    return str_equal(a.table, b.table) && str_equal(a.schema, b.schema);
}

static int parse_name(struct table_name *ret, struct str text, struct error *err)
{
    struct table_name name = table_name_parse(text);

    if (name.schema.len == 0 || name.table.len == 0)
        return error_set(err, -EINVAL,
                         "Topic: \"%.*s\" is no table name; write TABLE or SCHEMA.TABLE",
                         STR_ARG(text));
    *ret = name;
    return 0;
}

/* NUL divides the parts of a key, and no name or text of PostgreSQL holds one. */
static int check_segments(const struct str *segments, size_t count, struct error *err)
{
    if (count < 1 || count > 3)
        return error_set(err, -EINVAL,
                         "Topic: %zu segments; write TABLE, TABLE/ID or PARENT/ID/TABLE", count);
    for (size_t i = 0; i < count; i++) {
        if (segments[i].len == 0)
            return error_set(err, -EINVAL, "Topic: segment %zu is empty", i + 1);
        if (memchr(segments[i].data, '\0', segments[i].len) != NULL)
            return error_set(err, -EINVAL, "Topic: segment %zu has a NUL byte", i + 1);
    }
    return 0;
}

int topic_parse(struct topic *ret_topic, const struct str *segments, size_t count,
                struct error *err)
{
    struct topic topic = {.kind = TOPIC_TABLE};
    int status = check_segments(segments, count, err);

    if (status < 0)
        return status;
    status = parse_name(&topic.table, segments[count == 3 ? 2 : 0], err);
    if (status == 0 && count == 3)
        status = parse_name(&topic.parent, segments[0], err);
    if (status < 0)
        return status;
    if (count > 1) {
        topic.kind = count == 2 ? TOPIC_ROW : TOPIC_SCOPE;
        topic.id = segments[1];
    }
    *ret_topic = topic;
    return 0;
}

static void append_name(struct buffer *out, struct table_name name)
{
    buffer_append_str(out, name.schema);
    buffer_append_char(out, '\0');
    buffer_append_str(out, name.table);
    buffer_append_char(out, '\0');
}

int topic_key(struct buffer *out, const struct topic *topic)
{
    buffer_append_char(out, (char)topic->kind);
    append_name(out, topic->table);
    if (topic->kind == TOPIC_SCOPE)
        append_name(out, topic->parent);
    return buffer_append_str(out, topic->id);
}

static bool cut_equal(struct str *rest, struct str expected)
{
    return str_equal(str_cut(rest, '\0'), expected) && rest->data != NULL;
}

bool topic_key_truncated(struct str key, struct table_name table)
{
    if (key.len == 0 || key.data[0] == TOPIC_CONSUMER)
        return false;
    struct str rest = {key.data + 1, key.len - 1};
    return cut_equal(&rest, table.schema) && cut_equal(&rest, table.table);
}
