#include "event/type.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>

/* What a JSON string holds, one piece at a time: a run of bytes as they stand, or one escape. */
struct pieces {
    struct str left; /* inside the quotes, not yet looked at */
    char decoded[4]; /* an escape's UTF-8 */
};

/* Takes "\uXXXX" off P; the code unit or -EINVAL. */
static int take_unit(struct pieces *p)
{
    int unit = 0;

    if (p->left.len < 6 || p->left.data[0] != '\\' || p->left.data[1] != 'u')
        return -EINVAL;
    for (size_t i = 2; i < 6; i++) {
        int digit = str_hex_digit(p->left.data[i]);
        if (digit < 0)
            return -EINVAL;
        unit = unit << 4 | digit;
    }
    p->left = (struct str){p->left.data + 6, p->left.len - 6};
    return unit;
}

static size_t utf8_encode(char text[4], unsigned code)
{
    if (code < 0x80) {
        text[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        text[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    text[0] = (char)(leads[len] | code);
    return len;
}

/* U+0000 and halves of surrogate pairs are no text for PostgreSQL, so no value compares with them.
 */
static int take_unicode(struct pieces *p, struct str *ret_piece)
{
    int code = take_unit(p);

    if (code <= 0 || (code >= 0xDC00 && code <= 0xDFFF))
        return -EINVAL;
    if (code >= 0xD800 && code <= 0xDBFF) {
        int low = take_unit(p);
        if (low < 0xDC00 || low > 0xDFFF)
            return -EINVAL;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *ret_piece = (struct str){p->decoded, utf8_encode(p->decoded, (unsigned)code)};
    return 0;
}

static int take_escape(struct pieces *p, struct str *ret_piece)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";

    if (p->left.len < 2)
        return -EINVAL;
    if (p->left.data[1] == 'u')
        return take_unicode(p, ret_piece);
    const char *name = memchr(names, p->left.data[1], sizeof(names) - 1);
    if (name == NULL)
        return -EINVAL;
    p->decoded[0] = meanings[name - names];
    p->left = (struct str){p->left.data + 2, p->left.len - 2};
    *ret_piece = (struct str){p->decoded, 1};
    return 0;
}

/* The next piece of P, which is not at its end; it lives until the next call. 0 or -EINVAL. */
static int take_piece(struct pieces *p, struct str *ret_piece)
{
    if (p->left.data[0] == '\\')
        return take_escape(p, ret_piece);
    const char *escape = memchr(p->left.data, '\\', p->left.len);
    size_t len = escape != NULL ? (size_t)(escape - p->left.data) : p->left.len;
    *ret_piece = (struct str){p->left.data, len};
    p->left = (struct str){p->left.data + len, p->left.len - len};
    return 0;
}

static bool is_string(struct str json)
{
    return json.len >= 2 && json.data[0] == '"' && json.data[json.len - 1] == '"';
}

int json_scalar_plain(struct str json, struct str *ret_text)
{
    if (str_equal(json, STR("null")))
        return -ENODATA;
    if (json.len == 0)
        return -EINVAL;
    if (json.data[0] != '"') {
        *ret_text = json;
        return 1;
    }
    if (!is_string(json))
        return -EINVAL;
    struct str inside = {json.data + 1, json.len - 2};
    if (memchr(inside.data, '\\', inside.len) != NULL)
        return 0;
    *ret_text = inside;
    return 1;
}

int json_scalar_text(struct buffer *out, struct str json)
{
    size_t start = out->len;
    struct str piece;
    int r = json_scalar_plain(json, &piece);

    if (r != 0)
        return r < 0 ? r : buffer_append_str(out, piece);
    struct pieces p = {.left = {json.data + 1, json.len - 2}};
    while (p.left.len > 0) {
        r = take_piece(&p, &piece);
        if (r == 0)
            r = buffer_append_str(out, piece);
        if (r < 0) {
            out->len = start;
            return r;
        }
    }
    return out->failed;
}
