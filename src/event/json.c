#include "event/type.h"
#include "event/value.h"

#include "base/eight.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>

/* How deep objects and arrays may nest. PostgreSQL stops at its max_stack_depth, far below; a bit a
 * level on the stack is all this costs. */
#define DEPTH_MAX 65536

/* How many bytes at the start of TEXT stand in a JSON string as they are. */
static size_t plain_prefix(struct str text)
{
    size_t at = 0;

    while (at < text.len) {
        size_t left = text.len - at;
        uint64_t word =
            left >= 8 ? eight_load(text.data + at) : eight_load_part(text.data + at, left);
        uint64_t found = eight_json_special(word) | (word & EIGHT(0x80));
        if (found == 0) {
            at += left < 8 ? left : 8;
            continue;
        }
        at += eight_first(found);
        if ((unsigned char)text.data[at] < 0x80)
            return at;
        size_t step = str_utf8_length((struct str){text.data + at, text.len - at});
        if (step == 0)
            return at;
        at += step;
    }
    return at;
}

static void append_escape(struct buffer *out, unsigned char c)
{
    static const char letters[' '] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
    };
    static const char hex[] = "0123456789abcdef";

    if (c >= 0x80) {
        buffer_append_str(out, STR("\\ufffd"));
    } else if (c == '"' || c == '\\') {
        char escape[] = {'\\', (char)c};
        buffer_append(out, escape, sizeof(escape));
    } else if (letters[c] != 0) {
        char escape[] = {'\\', letters[c]};
        buffer_append(out, escape, sizeof(escape));
    } else {
        char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        buffer_append(out, escape, sizeof(escape));
    }
}

/* A string without anything to escape, as nearly all are: one check for room. */
static int append_plain(struct buffer *out, struct str text)
{
    char *to = buffer_reserve(out, text.len + 2);

    if (to == NULL)
        return out->failed;
    to[0] = '"';
    if (text.len > 0)
        memcpy(to + 1, text.data, text.len);
    to[text.len + 1] = '"';
    out->len += text.len + 2;
    return 0;
}

int json_quote(struct buffer *out, struct str text)
{
    size_t plain = plain_prefix(text);

    if (plain == text.len)
        return append_plain(out, text);
    buffer_append_char(out, '"');
    for (;; plain = plain_prefix(text)) {
        buffer_append(out, text.data, plain);
        if (plain == text.len)
            break;
        append_escape(out, (unsigned char)text.data[plain]);
        text = (struct str){text.data + plain + 1, text.len - plain - 1};
    }
    return buffer_append_char(out, '"');
}

enum expected {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_END, /* after [ */
    EXPECT_KEY,
    EXPECT_KEY_OR_END, /* after { */
    EXPECT_COLON,
    EXPECT_COMMA_OR_END,
    EXPECT_NOTHING,
};

struct minifier {
    const char *at, *end;
    struct buffer *out;
    char *start, *to; /* behind out->len; there is room for all that is left of the input */
    enum expected expected;
    uint32_t depth;
    unsigned char is_object[DEPTH_MAX / 8]; /* one bit a level */
};

static bool is_digit(const struct minifier *m, const char *at)
{
    return at < m->end && *at >= '0' && *at <= '9';
}

static bool is_hex(const struct minifier *m, const char *at)
{
    return is_digit(m, at) ||
           (at < m->end && ((*at >= 'a' && *at <= 'f') || (*at >= 'A' && *at <= 'F')));
}

/* The scan_ functions return the end of the token that starts at m->at, or NULL. */
static const char *scan_string(const struct minifier *m)
{
    const char *at = m->at + 1;

    while (at < m->end && *at != '"') {
        if ((unsigned char)*at < ' ')
            return NULL;
        if (*at++ != '\\')
            continue;
        if (at == m->end)
            return NULL;
        if (*at == 'u') {
            if (!is_hex(m, at + 1) || !is_hex(m, at + 2) || !is_hex(m, at + 3) ||
                !is_hex(m, at + 4))
                return NULL;
            at += 5;
            continue;
        }
        if (memchr("\"\\/bfnrt", *at++, 8) == NULL)
            return NULL;
    }
    return at < m->end ? at + 1 : NULL;
}

static const char *scan_digits(const struct minifier *m, const char *at)
{
    if (!is_digit(m, at))
        return NULL;
    while (is_digit(m, at))
        at++;
    return at;
}

static const char *scan_number(const struct minifier *m)
{
    const char *at = m->at;

    if (*at == '-')
        at++;
    if (at < m->end && *at == '0')
        at++;
    else
        at = scan_digits(m, at);
    if (at != NULL && at < m->end && *at == '.')
        at = scan_digits(m, at + 1);
    if (at != NULL && at < m->end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < m->end && (*at == '+' || *at == '-'))
            at++;
        at = scan_digits(m, at);
    }
    return at;
}

static const char *scan_word(const struct minifier *m, struct str word)
{
    struct str left = {m->at, (size_t)(m->end - m->at)};
    return str_starts_with(left, word) ? m->at + word.len : NULL;
}

static const char *scan_scalar(const struct minifier *m)
{
    switch (*m->at) {
    case '"':
        return scan_string(m);
    case 't':
        return scan_word(m, STR("true"));
    case 'f':
        return scan_word(m, STR("false"));
    case 'n':
        return scan_word(m, STR("null"));
    default:
        return scan_number(m);
    }
}

static void copy_to(struct minifier *m, const char *end)
{
    size_t len = (size_t)(end - m->at);

    memcpy(m->to, m->at, len);
    m->to += len;
    m->at = end;
}

static bool in_object(const struct minifier *m)
{
    uint32_t level = m->depth - 1;
    return (m->is_object[level / 8] >> (level % 8) & 1) != 0;
}

static void value_ended(struct minifier *m)
{
    m->expected = m->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
}

static int take_open(struct minifier *m)
{
    bool object = *m->at == '{';
    uint32_t level = m->depth;
    unsigned char bit = (unsigned char)(1u << (level % 8));

    if (level == DEPTH_MAX)
        return -EINVAL;
    if (level % 8 == 0)
        m->is_object[level / 8] = 0;
    m->is_object[level / 8] &= (unsigned char)~bit;
    if (object)
        m->is_object[level / 8] |= bit;
    m->depth++;
    m->expected = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
    copy_to(m, m->at + 1);
    return 0;
}

static int take_close(struct minifier *m)
{
    if (*m->at != (in_object(m) ? '}' : ']'))
        return -EINVAL;
    m->depth--;
    copy_to(m, m->at + 1);
    value_ended(m);
    return 0;
}

static void commit(struct minifier *m)
{
    m->out->len += (size_t)(m->to - m->start);
    m->start = m->to;
}

static int make_room(struct minifier *m)
{
    m->start = m->to = buffer_reserve(m->out, (size_t)(m->end - m->at));
    return m->start != NULL ? 0 : m->out->failed;
}

/* jsonb keeps numbers as numeric, which has neither exponents nor a negative zero; json has both.
 */
static bool is_written_otherwise(struct str token)
{
    char first = token.data[0];

    if (first != '-' && (first < '0' || first > '9'))
        return false;
    return memchr(token.data, 'e', token.len) != NULL ||
           memchr(token.data, 'E', token.len) != NULL || str_starts_with(token, STR("-0"));
}

/* An exponent too large to write out stays. */
static int take_number(struct minifier *m, struct str token)
{
    commit(m);
    size_t before = m->out->len;
    if (json_from_number(m->out, token) == -EINVAL) {
        m->out->len = before;
        buffer_append_str(m->out, token);
    }
    m->at = token.data + token.len;
    return make_room(m);
}

static int take_value(struct minifier *m)
{
    if (*m->at == '{' || *m->at == '[')
        return take_open(m);
    const char *end = scan_scalar(m);
    if (end == NULL)
        return -EINVAL;
    struct str token = {m->at, (size_t)(end - m->at)};
    value_ended(m);
    if (is_written_otherwise(token))
        return take_number(m, token);
    copy_to(m, end);
    return 0;
}

static int take_key(struct minifier *m)
{
    const char *end = *m->at == '"' ? scan_string(m) : NULL;

    if (end == NULL)
        return -EINVAL;
    copy_to(m, end);
    m->expected = EXPECT_COLON;
    return 0;
}

static int take_char(struct minifier *m, char c, enum expected next)
{
    if (*m->at != c)
        return -EINVAL;
    copy_to(m, m->at + 1);
    m->expected = next;
    return 0;
}

static int take_token(struct minifier *m)
{
    switch (m->expected) {
    case EXPECT_VALUE:
        return take_value(m);
    case EXPECT_VALUE_OR_END:
        return *m->at == ']' ? take_close(m) : take_value(m);
    case EXPECT_KEY:
        return take_key(m);
    case EXPECT_KEY_OR_END:
        return *m->at == '}' ? take_close(m) : take_key(m);
    case EXPECT_COLON:
        return take_char(m, ':', EXPECT_VALUE);
    case EXPECT_COMMA_OR_END:
        if (*m->at != ',')
            return take_close(m);
        return take_char(m, ',', in_object(m) ? EXPECT_KEY : EXPECT_VALUE);
    case EXPECT_NOTHING:
        break;
    }
    return -EINVAL;
}

static void skip_space(struct minifier *m)
{
    while (m->at < m->end && (*m->at == ' ' || *m->at == '\n' || *m->at == '\r' || *m->at == '\t'))
        m->at++;
}

int json_minify(struct buffer *out, struct str json)
{
    struct minifier m;
    size_t before = out->len;

    m.out = out;
    m.at = json.data;
    m.end = json.data + json.len;
    m.expected = EXPECT_VALUE;
    m.depth = 0;
    int status = make_room(&m);
    if (status < 0)
        return status;
    for (skip_space(&m); m.at < m.end && status == 0; skip_space(&m))
        status = take_token(&m);
    if (status == 0 && m.expected != EXPECT_NOTHING)
        status = -EINVAL;
    if (status == 0)
        commit(&m);
    else if (out->failed == 0)
        out->len = before;
    return status;
}
