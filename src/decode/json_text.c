#include "decode/json_text.h"

#include "base/eight.h"

#include <assert.h>
#include <stdint.h>

#define SCRATCH_CAPACITY_MIN 4096

/* Memory for one text is allocated at once, as long as the text: no string is longer without its
 * escapes, and what was handed out before never has to move. */
static int prepare_scratch(struct json_reader *reader)
{
    size_t capacity = SCRATCH_CAPACITY_MIN;
    size_t len = (size_t)(reader->end - reader->start);

    if (reader->scratch_capacity >= len && reader->scratch != NULL)
        return 0;
    assert(reader->scratch_used == 0);
    while (capacity < len)
        capacity *= 2;
    char *scratch = malloc(capacity);
    if (scratch == NULL) {
        reader->fault = "memory is out";
        return -ENOMEM;
    }
    free(reader->scratch);
    reader->scratch = scratch;
    reader->scratch_capacity = capacity;
    return 0;
}

char *json_scratch(struct json_reader *reader, size_t len)
{
    if (prepare_scratch(reader) < 0)
        return NULL;
    assert(len <= reader->scratch_capacity - reader->scratch_used);
    char *bytes = reader->scratch + reader->scratch_used;
    reader->scratch_used += len;
    return bytes;
}

static inline bool is_plain(char c)
{
    return c != '"' && c != '\\' && (unsigned char)c >= 0x20;
}

/* Where the run of bytes that stand for themselves ends. Most of a message is such runs: eight
 * bytes a step. */
static const char *end_of_run(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t found = eight_json_special(eight_load(at));
        if (found != 0)
            return at + eight_first(found);
        at += 8;
    }
    while (at < end && is_plain(*at))
        at++;
    return at;
}

/* Four hex digits. */
static int read_code_unit(struct json_reader *reader, uint32_t *ret_unit)
{
    uint32_t unit = 0;

    if (reader->end - reader->at < 4)
        return json_fail(reader, "the text ends too early");
    for (int i = 0; i < 4; i++) {
        int digit = str_hex_digit(reader->at[i]);
        if (digit < 0)
            return json_fail(reader, "four hex digits are expected after \\u");
        unit = unit << 4 | (uint32_t)digit;
    }
    reader->at += 4;
    *ret_unit = unit;
    return 0;
}

/* What follows \u: one unit, or two that are a surrogate pair. */
static int read_code_point(struct json_reader *reader, uint32_t *ret_code)
{
    uint32_t high, low;

    if (read_code_unit(reader, &high) < 0)
        return -EBADMSG;
    if (high == 0)
        return json_fail(reader, "\\u0000 is in no PostgreSQL text");
    if (high < 0xD800 || high > 0xDFFF) {
        *ret_code = high;
        return 0;
    }
    if (high > 0xDBFF || reader->end - reader->at < 2 || reader->at[0] != '\\' ||
        reader->at[1] != 'u')
        return json_fail(reader, "half of a surrogate pair");
    reader->at += 2;
    if (read_code_unit(reader, &low) < 0)
        return -EBADMSG;
    if (low < 0xDC00 || low > 0xDFFF)
        return json_fail(reader, "half of a surrogate pair");
    *ret_code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return 0;
}

/* Writes CODE as UTF-8; returns what follows it. */
static char *put_utf8(char *out, uint32_t code)
{
    static const unsigned char leads[] = {0x00, 0xC0, 0xE0, 0xF0};
    int continuations = (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF);

    *out++ = (char)(leads[continuations] | code >> (6 * continuations));
    while (continuations-- > 0)
        *out++ = (char)(0x80 | (code >> (6 * continuations) & 0x3F));
    return out;
}

/* Reads one escape, at its backslash, and writes what it stands for to *OUT, which moves on. */
static int read_escape(struct json_reader *reader, char **out)
{
    static const char plain[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    uint32_t code;

    if (reader->end - reader->at < 2) {
        reader->at = reader->end;
        return json_fail(reader, "the text ends too early");
    }
    unsigned char c = (unsigned char)reader->at[1];
    reader->at += 2;
    if (c != 'u') {
        *(*out)++ = plain[c];
        return plain[c] != '\0' ? 0 : json_fail(reader, "an unknown escape");
    }
    if (read_code_point(reader, &code) < 0)
        return -EBADMSG;
    *out = put_utf8(*out, code);
    return 0;
}

/* The reader stands at a byte that does not stand for itself, in a string that began at BEGIN. */
static int read_escaped(struct json_reader *reader, const char *begin, struct str *ret)
{
    char *text = json_scratch(reader, 0);
    char *out = text;

    if (text == NULL)
        return -ENOMEM;
    for (;;) {
        size_t run = (size_t)(reader->at - begin);
        memcpy(out, begin, run);
        out += run;
        if (reader->at == reader->end)
            return json_fail(reader, "the text ends too early");
        if (*reader->at == '"')
            break;
        if (*reader->at != '\\')
            return json_fail(reader, "a control character in a string");
        if (read_escape(reader, &out) < 0)
            return -EBADMSG;
        begin = reader->at;
        reader->at = end_of_run(begin, reader->end);
    }
    reader->at++;
    *ret = (struct str){text, (size_t)(out - text)};
    json_scratch(reader, ret->len);
    return 0;
}

int json_text_read(struct json_reader *reader, struct str *ret)
{
    const char *begin = reader->at + 1;
    const char *run = end_of_run(begin, reader->end);

    reader->at = run;
    if (run == reader->end || *run != '"')
        return read_escaped(reader, begin, ret);
    reader->at++;
    *ret = (struct str){begin, (size_t)(run - begin)};
    return 0;
}
