#include "intake.h"

#include <errno.h>

#define LINE_MAX_BYTES (1 << 20)

void intake_init(struct intake *in, unsigned subscriber, enum intake_state state)
{
    *in = (struct intake){.state = state, .subscriber = subscriber};
    buffer_init(&in->part, LINE_MAX_BYTES);
}

void intake_release(struct intake *in)
{
    buffer_release(&in->part);
}

static void deliver(struct intake *in, struct reading *reading, struct stamp stamp, int64_t now_us)
{
    if (tally_add(reading->tally, in->subscriber, stamp, now_us) &&
        stamp.number > reading->complete)
        reading->complete = stamp.number;
}

static void on_head(struct intake *in, struct reading *reading, struct str line)
{
    if (in->state == INTAKE_STATUS && !str_starts_with(line, STR("HTTP/1.1 200")))
        in->state = INTAKE_REFUSED;
    else if (str_starts_with(line, STR("Transfer-Encoding:")))
        in->state = INTAKE_REFUSED;
    else
        in->state = line.len > 0 ? INTAKE_HEADERS : INTAKE_FRAMES;
    if (in->state == INTAKE_REFUSED)
        reading->refused++;
    else if (in->state == INTAKE_FRAMES)
        reading->ready++;
}

static void end_frame(struct intake *in, struct reading *reading, int64_t now_us)
{
    if (in->frame.stamps == 1)
        deliver(in, reading, in->frame.stamp, now_us);
    else if (in->frame.has_data && !in->frame.is_keepalive)
        reading->unreadable++;
    memset(&in->frame, 0, sizeof(in->frame));
}

static void on_frame_line(struct intake *in, struct reading *reading, struct str line,
                          int64_t now_us)
{
    bool is_field = line.len > 0 && line.data[0] != ':';

    in->frame.has_begun |= is_field;
    if (line.len == 0)
        end_frame(in, reading, now_us);
    else if (str_equal(line, STR("event: keepalive")))
        in->frame.is_keepalive = true;
    else if (str_starts_with(line, STR("data:"))) {
        in->frame.has_data = true;
        /* A record that was cut behind its stamp is none. */
        if (line.data[line.len - 1] == '}' && stamp_find(&line, &in->frame.stamp))
            in->frame.stamps++;
    }
}

static void on_line(struct intake *in, struct reading *reading, struct str line, int64_t now_us)
{
    struct stamp stamp;

    switch (in->state) {
    case INTAKE_STATUS:
    case INTAKE_HEADERS:
        on_head(in, reading, str_cut(&line, '\r'));
        break;
    case INTAKE_FRAMES:
        on_frame_line(in, reading, line, now_us);
        break;
    case INTAKE_LINES:
        while (stamp_find(&line, &stamp))
            deliver(in, reading, stamp, now_us);
        break;
    case INTAKE_REFUSED:
        break;
    }
}

int intake_feed(struct intake *in, struct reading *reading, struct str data, int64_t now_us)
{
    while (data.len > 0) {
        const char *end = memchr(data.data, '\n', data.len);
        size_t len = end != NULL ? (size_t)(end - data.data) : data.len;
        struct str line = {data.data, len};
        if (end == NULL || in->part.len > 0) {
            if (buffer_append_str(&in->part, line) < 0)
                return in->part.failed;
            line = buffer_str(&in->part);
        }
        if (end == NULL)
            return 0;
        on_line(in, reading, line, now_us);
        buffer_reset(&in->part);
        data.data += len + 1;
        data.len -= len + 1;
    }
    return 0;
}

bool intake_is_cut(const struct intake *in)
{
    return in->state == INTAKE_FRAMES && (in->part.len > 0 || in->frame.has_begun);
}
