#include "base/percent.h"
#include <errno.h>

int percent_next(struct str *rest)
{
    char byte = rest->data[0];
    rest->data++;
    rest->len--;
    if (byte != '%')
        return (unsigned char)byte;
    int high = rest->len >= 2 ? str_hex_digit(rest->data[0]) : -1;
    int low = rest->len >= 2 ? str_hex_digit(rest->data[1]) : -1;
    if (high < 0 || low < 0)
        return -EINVAL;
    rest->data += 2;
    rest->len -= 2;
    return high << 4 | low;
}

int percent_decode(struct buffer *out, struct str text, bool form)
{
    size_t start = out->len;
    while (text.len > 0) {
        bool space = form && text.data[0] == '+';
        int byte = percent_next(&text);
        if (byte <= 0) {
            out->len = start;
            return -EINVAL;
        }
        buffer_append_char(out, space ? ' ' : (char)byte);
    }
    return out->failed;
}
