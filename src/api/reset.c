#include "api/reset.h"

#include "event/id.h"
#include "http/sse.h"

/* An id has nothing that JSON would escape. */
static void append_id(struct buffer *out, const struct resume_range *range, const char *name,
                      struct position position)
{
    char text[EVENT_ID_MAX];

    if (range->empty)
        buffer_printf(out, ",\"%s\":null", name);
    else
        buffer_printf(out, ",\"%s\":\"%s\"", name, event_id_format(range->epoch, position, text));
}

static void append_members(struct buffer *out, enum reset_reason reason,
                           const struct resume_range *range)
{
    buffer_printf(out, "\"reason\":\"%s\"", reset_reason_name(reason));
    append_id(out, range, "oldest", range->oldest);
    append_id(out, range, "latest", range->newest);
}

static int append_frame(struct buffer *out, enum reset_reason reason,
                        const struct resume_range *range)
{
    struct buffer data;

    buffer_init(&data, RESET_BYTES_MAX);
    buffer_append_char(&data, '{');
    append_members(&data, reason, range);
    int status = buffer_append_char(&data, '}');
    if (status == 0)
        status = sse_frame(out, STR(""), STR("reset"), buffer_str(&data));
    buffer_release(&data);
    return status;
}

static int append_line(struct buffer *out, enum reset_reason reason,
                       const struct resume_range *range)
{
    buffer_append_str(out, STR("{\"type\":\"reset\","));
    append_members(out, reason, range);
    return buffer_append_str(out, STR("}\n"));
}

static int append_answer(struct buffer *out, enum reset_reason reason,
                         const struct resume_range *range)
{
    char next[EVENT_ID_MAX];

    buffer_append_str(out, STR("{\"reset\":{"));
    append_members(out, reason, range);
    event_id_format(range->epoch, range->empty ? range->newest : position_before(range->oldest),
                    next);
    return buffer_printf(out, "},\"next\":\"%s\"}", next);
}

int reset_append(struct buffer *out, enum form form, enum reset_reason reason,
                 const struct resume_range *range)
{
    if (form == FORM_SSE)
        return append_frame(out, reason, range);
    if (form == FORM_NDJSON)
        return append_line(out, reason, range);
    return append_answer(out, reason, range);
}
