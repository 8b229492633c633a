#include "reader.h"

#include <errno.h>

#define LINE_MAX_BYTES (1 << 20)

void reader_init(struct reader *r, unsigned subscriber, enum reader_state state)
{
    *r = (struct reader){.state = state, .subscriber = subscriber};
    buffer_init(&r->part, LINE_MAX_BYTES);
}

void reader_release(struct reader *r)
{
    buffer_release(&r->part);
}

static void deliver(struct reader *r, struct reading *reading, struct stamp stamp, int64_t now_us)
{
    if (tally_add(reading->tally, r->subscriber, stamp, now_us) && reading->on_complete != NULL)
        reading->on_complete(stamp.number);
}

static void on_head(struct reader *r, struct reading *reading, struct str line)
{
    if (r->state == READER_STATUS && !str_starts_with(line, STR("HTTP/1.1 200")))
        r->state = READER_REFUSED;
    else if (str_starts_with(line, STR("Transfer-Encoding:")))
        r->state = READER_REFUSED;
    else
        r->state = line.len > 0 ? READER_HEADERS : READER_FRAMES;
    if (r->state == READER_REFUSED)
        reading->refused++;
    else if (r->state == READER_FRAMES)
        reading->ready++;
}

static void end_frame(struct reader *r, struct reading *reading, int64_t now_us)
{
    if (r->frame.stamps == 1)
        deliver(r, reading, r->frame.stamp, now_us);
    else if (r->frame.has_data && !r->frame.is_keepalive)
        reading->unreadable++;
    memset(&r->frame, 0, sizeof(r->frame));
}

static void on_frame_line(struct reader *r, struct reading *reading, struct str line,
                          int64_t now_us)
{
    if (line.len == 0)
        end_frame(r, reading, now_us);
    else if (str_equal(line, STR("event: keepalive")))
        r->frame.is_keepalive = true;
    else if (str_starts_with(line, STR("data:"))) {
        r->frame.has_data = true;
        /* A record that was cut behind its stamp is none. */
        if (line.data[line.len - 1] == '}' && stamp_find(&line, &r->frame.stamp))
            r->frame.stamps++;
    }
}

static void on_line(struct reader *r, struct reading *reading, struct str line, int64_t now_us)
{
    struct stamp stamp;

    switch (r->state) {
    case READER_STATUS:
    case READER_HEADERS:
        on_head(r, reading, str_cut(&line, '\r'));
        break;
    case READER_FRAMES:
        on_frame_line(r, reading, line, now_us);
        break;
    case READER_LINES:
        while (stamp_find(&line, &stamp))
            deliver(r, reading, stamp, now_us);
        break;
    case READER_REFUSED:
        break;
    }
}

int reader_feed(struct reader *r, struct reading *reading, struct str data, int64_t now_us)
{
    while (data.len > 0) {
        const char *end = memchr(data.data, '\n', data.len);
        size_t len = end != NULL ? (size_t)(end - data.data) : data.len;
        struct str line = {data.data, len};
        if (end == NULL || r->part.len > 0) {
            if (buffer_append_str(&r->part, line) < 0)
                return r->part.failed;
            line = buffer_str(&r->part);
        }
        if (end == NULL)
            return 0;
        on_line(r, reading, line, now_us);
        buffer_reset(&r->part);
        data.data += len + 1;
        data.len -= len + 1;
    }
    return 0;
}

bool reader_is_cut(const struct reader *r)
{
    return r->state == READER_FRAMES && (r->part.len > 0 || r->frame.has_data);
}
