#include "http/sse.h"
#include <errno.h>

/* An id with a NUL is ignored by browsers, one with a line end is another field. */
static bool fits_one_line(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
            return false;
    return true;
}

static void append_field(struct buffer *out, struct str name, struct str value)
{
    buffer_append_str(out, name);
    buffer_append_str(out, value);
    buffer_append_char(out, '\n');
}

/* The text up to the next CR, LF or CRLF; DATA keeps what follows, data == NULL after the last. */
static struct str next_line(struct str *data)
{
    struct str line = {data->data, 0};
    while (line.len < data->len && line.data[line.len] != '\r' && line.data[line.len] != '\n')
        line.len++;
    if (line.len == data->len) {
        *data = (struct str){NULL, 0};
        return line;
    }
    size_t skip = line.len + 1;
    if (line.data[line.len] == '\r' && skip < data->len && line.data[skip] == '\n')
        skip++;
    *data = (struct str){data->data + skip, data->len - skip};
    return line;
}

int sse_frame(struct buffer *out, struct str id, struct str event, struct str data)
{
    if (!fits_one_line(id) || !fits_one_line(event))
        return -EINVAL;
    if (id.len > 0)
        append_field(out, STR("id: "), id);
    if (event.len > 0)
        append_field(out, STR("event: "), event);
    /* At least one data line, else the browser drops the event. */
    do
        append_field(out, STR("data: "), next_line(&data));
    while (data.data);
    return buffer_append_char(out, '\n');
}

int sse_retry(struct buffer *out, unsigned milliseconds)
{
    return buffer_printf(out, "retry: %u\n\n", milliseconds);
}

int sse_comment(struct buffer *out)
{
    return buffer_append_str(out, STR(":\n"));
}
