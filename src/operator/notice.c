#include "operator/notice.h"
#include "event/iso_time.h"
#include "event/type.h"
#include <stdlib.h>

struct notice_text {
    struct notice_text *next;
    size_t len;
    char json[];
};

static void append_text(struct buffer *out, const char *key, const char *text)
{
    buffer_printf(out, ",\"%s\":", key);
    if (text)
        json_quote(out, str_from(text));
    else
        buffer_append_str(out, STR("null"));
}

int notice_json(struct buffer *out, const struct notice *notice)
{
    char time[ISO_TIME_MAX + 1];

    buffer_append_str(out, STR("{\"operator\":"));
    json_quote(out, str_from(notice->operator));
    append_text(out, "id", notice->id);
    append_text(out, "error", notice->error);
    append_text(out, "sqlstate", notice->sqlstate[0] ? notice->sqlstate : NULL);
    if (notice->id)
        buffer_printf(out, ",\"attempts\":%u", notice->attempts);
    else
        buffer_append_str(out, STR(",\"attempts\":null"));
    if (notice->next_us > 0)
        *put_iso_time(time, notice->next_us) = '\0';
    append_text(out, "next", notice->next_us > 0 ? time : NULL);
    return buffer_append_char(out, '}');
}

/* NULL when there is no memory, or it is too large. */
static struct notice_text *text_new(const struct notice *notice)
{
    struct notice_text *text = NULL;
    struct buffer json;

    buffer_init(&json, NOTICE_MAX);
    if (notice_json(&json, notice) == 0)
        text = malloc(sizeof(*text) + json.len);
    if (text) {
        text->next = NULL;
        text->len = json.len;
        memcpy(text->json, json.data, json.len);
    }
    buffer_release(&json);
    return text;
}

void notices_add(struct notices *notices, const struct notice *notice)
{
    struct notice_text *text = notices->count < NOTICES_MAX ? text_new(notice) : NULL;
    if (!text) {
        notices->dropped++;
        return;
    }
    if (notices->last)
        notices->last->next = text;
    else
        notices->first = text;
    notices->last = text;
    notices->count++;
}

struct str notices_first(const struct notices *notices)
{
    if (!notices->first)
        return (struct str){NULL, 0};
    return (struct str){notices->first->json, notices->first->len};
}

void notices_remove_first(struct notices *notices)
{
    struct notice_text *first = notices->first;
    notices->first = first->next;
    if (!first->next)
        notices->last = NULL;
    notices->count--;
    free(first);
}

void notices_clear(struct notices *notices)
{
    while (notices->first)
        notices_remove_first(notices);
    notices->dropped = 0;
}
