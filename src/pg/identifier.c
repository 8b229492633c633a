#include "pg/identifier.h"

static int quoted(struct buffer *out, struct str text, char quote)
{
    buffer_append_char(out, quote);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == quote)
            buffer_append_char(out, quote);
        buffer_append_char(out, text.data[i]);
    }
    return buffer_append_char(out, quote);
}

int pg_identifier(struct buffer *out, struct str name)
{
    return quoted(out, name, '"');
}

int pg_qualified(struct buffer *out, struct str schema, struct str table)
{
    pg_identifier(out, schema);
    buffer_append_char(out, '.');
    return pg_identifier(out, table);
}

int pg_literal(struct buffer *out, struct str text)
{
    return quoted(out, text, '\'');
}
