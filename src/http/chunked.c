#include "http/chunked.h"

#include <errno.h>

#define SIZE_DIGITS_MAX 8

static int take_size(struct chunked *chunked, char c, const struct buffer *out)
{
    int digit = str_hex_digit(c);

    if (digit >= 0) {
        chunked->left = chunked->left << 4 | (unsigned)digit;
        return ++chunked->digits > SIZE_DIGITS_MAX ? -EBADMSG : 0;
    }
    if (c != '\r' || chunked->digits == 0)
        return -EBADMSG;
    if (chunked->left > out->max - out->len)
        return -EMSGSIZE;
    chunked->state = CHUNKED_SIZE_LF;
    return 0;
}

/* C must be EXPECTED, and then NEXT follows. */
static int take_mark(struct chunked *chunked, char c, char expected, enum chunked_state next)
{
    if (c != expected)
        return -EBADMSG;
    chunked->state = next;
    return 0;
}

static int take_byte(struct chunked *chunked, char c, const struct buffer *out)
{
    switch (chunked->state) {
    case CHUNKED_SIZE:
        return take_size(chunked, c, out);
    case CHUNKED_SIZE_LF:
        chunked->digits = 0;
        return take_mark(chunked, c, '\n', chunked->left > 0 ? CHUNKED_DATA : CHUNKED_END_CR);
    case CHUNKED_DATA_CR:
        return take_mark(chunked, c, '\r', CHUNKED_DATA_LF);
    case CHUNKED_DATA_LF:
        return take_mark(chunked, c, '\n', CHUNKED_SIZE);
    case CHUNKED_END_CR:
        return take_mark(chunked, c, '\r', CHUNKED_END_LF);
    case CHUNKED_END_LF:
        return take_mark(chunked, c, '\n', CHUNKED_DONE);
    case CHUNKED_DATA:
    case CHUNKED_DONE:
        break;
    }
    return -EBADMSG;
}

static size_t take_data(struct chunked *chunked, struct str bytes, struct buffer *out)
{
    size_t len = bytes.len < chunked->left ? bytes.len : (size_t)chunked->left;

    buffer_append(out, bytes.data, len);
    chunked->left -= len;
    if (chunked->left == 0)
        chunked->state = CHUNKED_DATA_CR;
    return len;
}

int chunked_take(struct chunked *chunked, struct str *bytes, struct buffer *out)
{
    int status = 0;

    while (status == 0 && bytes->len > 0 && chunked->state != CHUNKED_DONE) {
        size_t len = 1;
        if (chunked->state == CHUNKED_DATA) {
            len = take_data(chunked, *bytes, out);
            status = out->failed;
        } else {
            status = take_byte(chunked, *bytes->data, out);
        }
        *bytes = (struct str){bytes->data + len, bytes->len - len};
    }
    if (status < 0)
        return status;
    return chunked->state == CHUNKED_DONE;
}
