#include "pg/state_text.h"
#include "pg/identifier.h"

static const struct str word = STR("walpiper");

static bool ends_with(const char *begin, const char *end, struct str what)
{
    return (size_t)(end - begin) >= what.len && memcmp(end - what.len, what.data, what.len) == 0;
}

static bool is_schema(const char *sql, const char *at)
{
    return at[word.len] == '.' || ends_with(sql, at, STR("SCHEMA ")) ||
           ends_with(sql, at, STR("EXISTS ")) || ends_with(sql, at, STR("regnamespace('"));
}

int pg_state_text(struct buffer *out, const char *schema, const char *sql)
{
    const char *done = sql;
    for (const char *at = sql; (at = strstr(at, word.data)); at += word.len) {
        if (!is_schema(sql, at))
            continue;
        buffer_append(out, done, (size_t)(at - done));
        pg_identifier(out, str_from(schema));
        done = at + word.len;
    }
    return buffer_append_str(out, str_from(done));
}
