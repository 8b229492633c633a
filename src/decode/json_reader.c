#include "decode/json_reader.h"

#include "decode/json_text.h"

void json_reader_init(struct json_reader *reader)
{
    *reader = (struct json_reader){0};
}

void json_reader_release(struct json_reader *reader)
{
    free(reader->scratch);
    json_reader_init(reader);
}

int json_start(struct json_reader *reader, struct str text)
{
    if (reader->scratch_capacity > JSON_SCRATCH_KEPT) {
        free(reader->scratch);
        reader->scratch = NULL;
        reader->scratch_capacity = 0;
    }
    reader->scratch_used = 0;
    reader->start = reader->at = text.data;
    reader->end = text.len == 0 ? text.data : text.data + text.len;
    reader->fresh = false;
    reader->fault = NULL;
    return text.len > JSON_TEXT_MAX ? json_fail(reader, "longer than 1 GiB") : 0;
}

size_t json_offset(const struct json_reader *reader)
{
    return (size_t)(reader->at - reader->start);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next byte that is not white space, still unread; NUL at the end of the text. A NUL in the
 * text is as wrong as its end. */
static char peek(struct json_reader *reader)
{
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
    return reader->at < reader->end ? *reader->at : '\0';
}

static int fail_here(struct json_reader *reader, const char *fault)
{
    return json_fail(reader, reader->at == reader->end ? "the text ends too early" : fault);
}

int json_enter(struct json_reader *reader, char bracket)
{
    if (peek(reader) != bracket)
        return fail_here(reader, bracket == '{' ? "an object is expected" : "an array is expected");
    reader->at++;
    reader->fresh = true;
    return 0;
}

int json_finish(struct json_reader *reader)
{
    peek(reader);
    return reader->at == reader->end ? 0 : json_fail(reader, "text follows the end of the value");
}

/* 1 before another item of the container, 0 after its CLOSING bracket. */
static int next_item(struct json_reader *reader, char closing)
{
    bool first = reader->fresh;
    char c = peek(reader);

    reader->fresh = false;
    if (c == closing) {
        reader->at++;
        return 0;
    }
    if (first)
        return 1;
    if (c != ',')
        return fail_here(reader, "a comma or the closing bracket is expected");
    reader->at++;
    return 1;
}

int json_next_element(struct json_reader *reader)
{
    return next_item(reader, ']');
}

int json_next_member(struct json_reader *reader, struct str *ret_name)
{
    struct str name;

    int r = next_item(reader, '}');
    if (r <= 0)
        return r;
    r = json_read_string(reader, &name);
    if (r < 0)
        return r;
    if (peek(reader) != ':')
        return fail_here(reader, "a colon is expected");
    reader->at++;
    *ret_name = name;
    return 1;
}

int json_read_string(struct json_reader *reader, struct str *ret)
{
    if (peek(reader) != '"')
        return fail_here(reader, "a string is expected");
    return json_text_read(reader, ret);
}

static bool at_digit(const struct json_reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool accept(struct json_reader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

static int read_digits(struct json_reader *reader)
{
    if (!at_digit(reader))
        return fail_here(reader, "a digit is expected");
    while (at_digit(reader))
        reader->at++;
    return 0;
}

static int read_number(struct json_reader *reader, struct scalar *ret)
{
    const char *begin = reader->at;

    accept(reader, '-');
    if (!accept(reader, '0') && read_digits(reader) < 0)
        return -EBADMSG;
    if (accept(reader, '.') && read_digits(reader) < 0)
        return -EBADMSG;
    if (accept(reader, 'e') || accept(reader, 'E')) {
        if (!accept(reader, '+'))
            accept(reader, '-');
        if (read_digits(reader) < 0)
            return -EBADMSG;
    }
    *ret = (struct scalar){SCALAR_NUMBER, {begin, (size_t)(reader->at - begin)}};
    return 0;
}

static int read_word(struct json_reader *reader, struct str word, enum scalar_kind kind,
                     struct scalar *ret)
{
    if ((size_t)(reader->end - reader->at) < word.len)
        return json_fail(reader, "the text ends too early");
    if (memcmp(reader->at, word.data, word.len) != 0)
        return json_fail(reader, "a value is expected");
    *ret = (struct scalar){kind, {reader->at, word.len}};
    reader->at += word.len;
    return 0;
}

int json_read_scalar(struct json_reader *reader, struct scalar *ret)
{
    switch (peek(reader)) {
    case '"':
        ret->kind = SCALAR_STRING;
        return json_text_read(reader, &ret->text);
    case 'n':
        return read_word(reader, STR("null"), SCALAR_NULL, ret);
    case 't':
        return read_word(reader, STR("true"), SCALAR_TRUE, ret);
    case 'f':
        return read_word(reader, STR("false"), SCALAR_FALSE, ret);
    case '-':
    case '0' ... '9':
        return read_number(reader, ret);
    case '{':
    case '[':
        return json_fail(reader, "a string, a number, true, false or null is expected");
    default:
        return fail_here(reader, "a value is expected");
    }
}

static int skip_value(struct json_reader *reader, unsigned depth)
{
    struct scalar scalar;
    struct str name;
    char opening = peek(reader);
    int r;

    if (opening != '{' && opening != '[')
        return json_read_scalar(reader, &scalar);
    if (depth == JSON_DEPTH_MAX)
        return json_fail(reader, "nested too deeply");
    json_enter(reader, opening);
    do {
        r = opening == '{' ? json_next_member(reader, &name) : json_next_element(reader);
        if (r <= 0)
            return r;
        r = skip_value(reader, depth + 1);
    } while (r == 0);
    return r;
}

int json_skip(struct json_reader *reader)
{
    return skip_value(reader, 0);
}
