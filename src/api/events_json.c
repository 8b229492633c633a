#include "api/events_json.h"

#include "event/type.h"

/* When *FRAME begins with a line of the field NAME (with its colon and space): cuts it off and
 * gives its value. */
static bool take_field(struct str *frame, struct str name, struct str *ret_value)
{
    if (!str_starts_with(*frame, name))
        return false;
    struct str line = str_cut(frame, '\n');
    *ret_value = (struct str){line.data + name.len, line.len - name.len};
    return true;
}

static void append_id(struct buffer *out, struct str id)
{
    int64_t number;

    if (str_to_int64(id, &number) == 0)
        buffer_append_str(out, id);
    else
        json_quote(out, id);
}

/* The frame's order is that of events_frame.c: id, event, data. A payload is one line; were it
 * several, the line ends between them mean nothing in JSON. */
int events_json(struct buffer *out, struct str frame)
{
    struct str value;

    buffer_append_str(out, STR("{\"id\":"));
    if (take_field(&frame, STR("id: "), &value))
        append_id(out, value);
    else
        buffer_append_str(out, STR("null"));
    buffer_append_str(out, STR(",\"type\":"));
    if (take_field(&frame, STR("event: "), &value))
        json_quote(out, value);
    else
        buffer_append_str(out, STR("null"));
    buffer_append_str(out, STR(",\"payload\":"));
    while (take_field(&frame, STR("data: "), &value))
        buffer_append_str(out, value);
    return buffer_append_char(out, '}');
}
