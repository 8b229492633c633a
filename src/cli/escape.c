#include "cli/escape.h"

/* Control characters of both ranges, separators of lines, and those that turn the direction of
 * text. S begins with a well-formed character of LEN bytes. */
static bool is_unsafe(struct str s, size_t len)
{
    const unsigned char *c = (const unsigned char *)s.data;
    if (len == 1)
        return c[0] < 0x20 || c[0] == 0x7f;
    if (len == 2)
        return c[0] == 0xc2 && c[1] < 0xa0;
    if (len != 3 || c[0] != 0xe2)
        return false;
    return (c[1] == 0x80 && ((c[2] >= 0xa8 && c[2] <= 0xae) || c[2] == 0x8e || c[2] == 0x8f)) ||
           (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

void escape_append(struct buffer *out, struct str text)
{
    while (text.len > 0) {
        size_t len = str_utf8_length(text);
        bool escape = len == 0 || is_unsafe(text, len);
        size_t take = len > 0 ? len : 1;
        for (size_t i = 0; escape && i < take; i++)
            buffer_printf(out, "\\x%02x", (unsigned char)text.data[i]);
        if (!escape)
            buffer_append(out, text.data, take);
        text = (struct str){text.data + take, text.len - take};
    }
}

void escape_cut(struct buffer *out, size_t start, size_t width)
{
    size_t at = start;
    size_t last = start;
    for (size_t n = 0; at < out->len; n++) {
        size_t len = str_utf8_length((struct str){out->data + at, out->len - at});
        if (n + 1 == width)
            last = at;
        if (n == width) {
            out->len = last;
            buffer_append_str(out, STR("…"));
            return;
        }
        at += len > 0 ? len : 1;
    }
}
