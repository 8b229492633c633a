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
    if (count > TOPIC_SEGMENTS_MAX)
        return error_set(err, -EINVAL, "Topic: too many segments; a scope has at most %d parents",
                         TOPIC_LEVELS_MAX);
    if (count == 0 || (count > 2 && count % 2 == 0))
        return error_set(err, -EINVAL,
                         "Topic: %zu segments; write TABLE, TABLE/ID, PARENT/ID/TABLE or "
                         "PARENT/ID/PARENT/ID/TABLE",
                         count);
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
    if (count == 2) {
        topic.kind = TOPIC_ROW;
        topic.id = segments[1];
    } else if (count > 2) {
        topic.kind = TOPIC_SCOPE;
        topic.levels = segments;
        topic.level_count = count / 2;
    }
    /* Names and ids take turns; the last name is the table's. */
    for (size_t i = 0; i < count && status == 0; i += 2)
        status = parse_name(&topic.table, segments[i], err);
    if (status == 0)
        *ret_topic = topic;
    return status;
}

static void append_name(struct buffer *out, struct table_name name)
{
    buffer_append_str(out, name.schema);
    buffer_append_char(out, '\0');
    buffer_append_str(out, name.table);
    buffer_append_char(out, '\0');
}

/* How many parents there are stands before them, and all names before all ids: a value of an event
 * that has a NUL, as a JSON text may, makes a key that no topic has. */
int topic_key_begin(struct buffer *out, const struct topic *topic)
{
    buffer_append_char(out, (char)topic->kind);
    append_name(out, topic->table);
    if (topic->kind == TOPIC_SCOPE)
        buffer_append_char(out, (char)topic->level_count);
    for (size_t i = 0; i < topic->level_count; i++)
        append_name(out, table_name_parse(topic->levels[2 * i]));
    return out->failed;
}

int topic_key(struct buffer *out, const struct topic *topic)
{
    topic_key_begin(out, topic);
    buffer_append_str(out, topic->id);
    for (size_t i = 0; i < topic->level_count; i++) {
        if (i > 0)
            buffer_append_char(out, '\0');
        buffer_append_str(out, topic->levels[2 * i + 1]);
    }
    return out->failed;
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
