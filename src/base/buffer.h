/* base/buffer.h - a growing byte buffer that is born with its maximum.
 * Failure is sticky: once an append failed (-ENOMEM, or -EMSGSIZE past the maximum), every later
 * append fails too, so that a writer may append freely and ask once at the end. Owns its bytes. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/str.h"

#include <string.h>

struct buffer {
    char *data;
    size_t len;
    size_t capacity;
    size_t max;
    int failed; /* 0, -ENOMEM or -EMSGSIZE */
};

void buffer_init(struct buffer *b, size_t max);
void buffer_release(struct buffer *b);
void buffer_reset(struct buffer *b); /* empties, keeps the memory, forgets a failure */

int buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for LEN bytes at the end; the caller writes them and adds to b->len. NULL on failure. */
char *buffer_reserve(struct buffer *b, size_t len);
/* Drops the first LEN bytes and moves the rest to the front. */
void buffer_consume(struct buffer *b, size_t len);

/* In the header because the text of every event is made of small appends. */
static inline int buffer_append(struct buffer *b, const void *data, size_t len)
{
    if (len == 0)
        return b->failed;
    char *end =
        b->failed == 0 && len <= b->capacity - b->len ? b->data + b->len : buffer_reserve(b, len);
    if (end == NULL)
        return b->failed;
    memcpy(end, data, len);
    b->len += len;
    return 0;
}

static inline int buffer_append_str(struct buffer *b, struct str s)
{
    return buffer_append(b, s.data, s.len);
}

static inline int buffer_append_char(struct buffer *b, char c)
{
    return buffer_append(b, &c, 1);
}

static inline struct str buffer_str(const struct buffer *b)
{
    return (struct str){b->data, b->len};
}

#endif
