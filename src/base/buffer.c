#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

void buffer_init(struct buffer *b, size_t max)
{
    *b = (struct buffer){.max = max};
}

void buffer_release(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){.max = b->max};
}

void buffer_reset(struct buffer *b)
{
    b->len = 0;
    b->failed = 0;
}

/* The next capacity that holds NEED: doubling keeps appending linear, the maximum bounds it. */
static size_t next_capacity(const struct buffer *b, size_t need)
{
    size_t capacity = b->capacity > 0 ? b->capacity : FIRST_CAPACITY;

    while (capacity < need && capacity <= b->max / 2)
        capacity *= 2;
    return capacity < need || capacity > b->max ? b->max : capacity;
}

static int grow(struct buffer *b, size_t len)
{
    if (len > b->max - b->len)
        return b->failed = -EMSGSIZE;
    size_t capacity = next_capacity(b, b->len + len);
    char *data = realloc(b->data, capacity);
    if (data == NULL)
        return b->failed = -ENOMEM;
    b->data = data;
    b->capacity = capacity;
    return 0;
}

char *buffer_reserve(struct buffer *b, size_t len)
{
    if (b->failed != 0)
        return NULL;
    /* An empty buffer gets memory even for LEN 0: NULL means failure, nothing else. */
    if (len <= b->capacity - b->len && b->data != NULL)
        return b->data + b->len;
    if (grow(b, len > 0 ? len : 1) < 0)
        return NULL;
    return b->data + b->len;
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list arguments, again;

    if (b->failed != 0)
        return b->failed;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t left = b->capacity - b->len;
    int written = vsnprintf(left > 0 ? b->data + b->len : NULL, left, format, arguments);
    va_end(arguments);

    if (written < 0) {
        b->failed = -EMSGSIZE;
    } else if ((size_t)written < left) {
        b->len += (size_t)written;
    } else {
        /* One byte more than the text: vsnprintf always ends with a NUL. */
        char *end = buffer_reserve(b, (size_t)written + 1);
        if (end != NULL) {
            vsnprintf(end, (size_t)written + 1, format, again);
            b->len += (size_t)written;
        }
    }
    va_end(again);
    return b->failed;
}

void buffer_consume(struct buffer *b, size_t len)
{
    if (len >= b->len) {
        b->len = 0;
        return;
    }
    if (len == 0)
        return;
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
}
