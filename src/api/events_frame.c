#include "api/events_frame.h"

#include "event/record.h"
#include "event/type.h"
#include "http/sse.h"

#include <errno.h>

/* Ids and types are short; a frame is its payload and little else. */
#define WORD_MAX 65536
#define FRAME_OVERHEAD (2 * WORD_MAX + 64)

static void flatten(struct buffer *text)
{
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] == '\r' || text->data[i] == '\n')
            text->data[i] = ' ';
    }
}

int events_frame_row(struct buffer *out, struct str id, struct str type, struct str payload)
{
    struct buffer words, data;

    buffer_init(&words, 2 * WORD_MAX);
    buffer_init(&data, payload.len);
    buffer_reserve(&words, 1); /* both may be empty */
    buffer_append_str(&words, id);
    buffer_append_str(&words, type);
    flatten(&words);
    int status = words.failed != 0 ? words.failed : json_minify(&data, payload);
    if (status == 0)
        status = sse_frame(out, (struct str){words.data, id.len},
                           (struct str){words.data + id.len, type.len}, buffer_str(&data));
    buffer_release(&words);
    buffer_release(&data);
    return status;
}

/* Appends the text in column NAME of a new row; nothing for NULL or a column that is not there. */
static int append_word(struct buffer *out, const struct event *event, const char *name)
{
    struct event_column column;

    if (!event_column_find(event, str_from(name), &column) || column.new_value.data == NULL)
        return 0;
    int status = json_scalar_text(out, column.new_value);
    return status == -ENODATA ? 0 : status;
}

/* An event that was too large has no payload, and says so in its place: never null. */
static struct str payload_of(const struct config *config, const struct event *event,
                             struct buffer *error)
{
    struct event_column column;

    if (!event_column_find(event, str_from(config->events.payload), &column))
        return STR("null");
    if (column.new_value.data != NULL || !column.left_out)
        return column.new_value.data != NULL ? column.new_value : STR("null");
    buffer_append_str(error, STR("{\"error\":"));
    buffer_append_str(error, event->error);
    buffer_append_char(error, '}');
    return buffer_str(error);
}

static int append_frame(struct buffer *out, const struct config *config, const struct event *event)
{
    struct buffer words, error;

    buffer_init(&error, event->error.len + FRAME_OVERHEAD);
    struct str payload = payload_of(config, event, &error);
    buffer_init(&words, 2 * WORD_MAX);
    buffer_reserve(&words, 1); /* both may be empty */
    int status = append_word(&words, event, config->events.id);
    size_t id_len = words.len;
    if (status == 0)
        status = append_word(&words, event, config->events.type);
    flatten(&words);
    if (status == 0)
        status = error.failed;
    if (status == 0)
        status = sse_frame(out, (struct str){words.data, id_len},
                           (struct str){words.data + id_len, words.len - id_len}, payload);
    buffer_release(&words);
    buffer_release(&error);
    return status;
}

bool events_frame_id(const struct config *config, const struct event *event, int64_t *ret_id)
{
    struct event_column column;

    if (!event_column_find(event, str_from(config->events.id), &column))
        return false;
    struct str id = column.new_value;
    /* A string where numbers_as_strings says so; digits have no escapes. */
    if (id.len > 2 && id.data[0] == '"')
        id = (struct str){id.data + 1, id.len - 2};
    return id.data != NULL && str_to_int64(id, ret_id) == 0;
}

static struct shared *make_frame(const struct config *config, const struct event *event)
{
    struct buffer out;
    struct shared *frame = NULL;

    buffer_init(&out, event->json.len + FRAME_OVERHEAD);
    if (append_frame(&out, config, event) == 0)
        frame = shared_new(out.data, out.len);
    buffer_release(&out);
    return frame;
}

static bool has(const struct events_frame_cache *cache, const struct event *event)
{
    return cache->frame != NULL && str_equal(str_from(cache->id), event->id);
}

struct shared *events_frame_get(struct events_frame_cache *cache, const struct config *config,
                                const struct event *event)
{
    if (has(cache, event))
        return cache->frame;
    events_frame_cache_release(cache);
    cache->frame = make_frame(config, event);
    snprintf(cache->id, sizeof(cache->id), "%.*s", STR_ARG(event->id));
    return cache->frame;
}

void events_frame_cache_release(struct events_frame_cache *cache)
{
    shared_unref(cache->frame);
    *cache = (struct events_frame_cache){0};
}
