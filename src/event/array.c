#include "base/str.h"
#include "event/value.h"

#include <errno.h>
#include <string.h>

#define DIMENSIONS_MAX 6 /* MAXDIM of PostgreSQL */

struct array {
    const struct type_info *type;
    char delimiter;
    struct str left;
    unsigned depth; /* open braces */
    struct buffer *out;
    struct buffer *unescaped; /* scratch for quoted elements with backslashes */
};

static char first(const struct array *a)
{
    return a->left.len > 0 ? a->left.data[0] : '\0';
}

static void skip(struct array *a, size_t len)
{
    a->left = (struct str){a->left.data + len, a->left.len - len};
}

/* The quoted element that A is at, without quotes and backslashes. */
static int take_quoted(struct array *a, struct str *ret_element)
{
    size_t end = 1;
    bool escapes = false;

    while (end < a->left.len && a->left.data[end] != '"') {
        bool escape = a->left.data[end] == '\\';
        escapes |= escape;
        end += escape ? 2 : 1;
    }
    if (end >= a->left.len)
        return -EINVAL;
    struct str element = {a->left.data + 1, end - 1};
    skip(a, end + 1);
    if (!escapes) {
        *ret_element = element;
        return 0;
    }
    buffer_reset(a->unescaped);
    while (element.len > 0) {
        struct str run = str_cut(&element, '\\');
        buffer_append_str(a->unescaped, run);
        if (element.len == 0)
            break;
        /* What a backslash precedes is taken as it is, a backslash too. */
        buffer_append_char(a->unescaped, element.data[0]);
        element = (struct str){element.data + 1, element.len - 1};
    }
    *ret_element = buffer_str(a->unescaped);
    return a->unescaped->failed;
}

static int take_bare(struct array *a, struct str *ret_element)
{
    size_t len = 0;

    while (len < a->left.len && a->left.data[len] != a->delimiter && a->left.data[len] != '}') {
        if (memchr("{\"\\", a->left.data[len], 3) != NULL)
            return -EINVAL;
        len++;
    }
    if (len == 0)
        return -EINVAL;
    *ret_element = (struct str){a->left.data, len};
    skip(a, len);
    return 0;
}

static int convert_element(struct array *a)
{
    struct str element;
    bool quoted = first(a) == '"';
    int r = quoted ? take_quoted(a, &element) : take_bare(a, &element);

    if (r < 0)
        return r;
    if (!quoted && str_equal(element, STR("NULL")))
        return buffer_append_str(a->out, STR("null"));
    return json_value(a->out, a->type->element, element);
}

static int open_brace(struct array *a)
{
    if (a->depth == DIMENSIONS_MAX)
        return -EINVAL;
    a->depth++;
    skip(a, 1);
    return buffer_append_char(a->out, '[');
}

/* Closes what ends here, and goes over the delimiter that follows. Leaves depth 0 at the end. */
static int after_element(struct array *a)
{
    while (a->depth > 0 && first(a) == '}') {
        a->depth--;
        skip(a, 1);
        buffer_append_char(a->out, ']');
    }
    if (a->depth == 0)
        return a->out->failed;
    if (first(a) != a->delimiter || a->left.len == 0)
        return -EINVAL;
    skip(a, 1);
    return buffer_append_char(a->out, ',');
}

static int convert_elements(struct array *a)
{
    int r = first(a) == '{' ? open_brace(a) : -EINVAL;

    if (r == 0 && first(a) == '}')
        r = after_element(a);
    while (r == 0 && a->depth > 0) {
        if (first(a) == '{') {
            r = open_brace(a);
            continue;
        }
        r = convert_element(a);
        if (r == 0)
            r = after_element(a);
    }
    if (r == 0 && a->left.len > 0)
        return -EINVAL;
    return r;
}

/* Takes "[0:1]" off A. */
static int skip_bound(struct array *a)
{
    size_t len = 1;

    while (len < a->left.len && memchr(":-0123456789", a->left.data[len], 12) != NULL)
        len++;
    if (len == a->left.len || a->left.data[len] != ']')
        return -EINVAL;
    skip(a, len + 1);
    return 0;
}

/* "[0:1][2:3]=": to_jsonb leaves bounds out too. */
static int skip_bounds(struct array *a)
{
    if (first(a) != '[')
        return 0;
    while (first(a) == '[') {
        if (skip_bound(a) < 0)
            return -EINVAL;
    }
    if (first(a) != '=')
        return -EINVAL;
    skip(a, 1);
    return 0;
}

/* int2vector and oidvector are arrays for the catalog but print as "1 2 3". */
static int convert_vector(struct buffer *out, const struct type_info *type, struct str text)
{
    buffer_append_char(out, '[');
    while (text.len > 0) {
        struct str element = str_cut(&text, ' ');
        int r = json_value(out, type->element, element);
        if (r < 0)
            return r;
        if (text.data != NULL)
            buffer_append_char(out, ',');
        if (text.data != NULL && text.len == 0)
            return -EINVAL;
    }
    return buffer_append_char(out, ']');
}

int json_from_array(struct buffer *out, const struct type_info *type, struct str text)
{
    struct buffer unescaped;
    struct array a = {.type = type, .left = text, .out = out, .unescaped = &unescaped};

    if (type->delimiter == ' ')
        return convert_vector(out, type, text);
    a.delimiter = type->delimiter != '\0' ? type->delimiter : ',';
    buffer_init(&unescaped, text.len);
    int r = skip_bounds(&a);
    if (r == 0)
        r = convert_elements(&a);
    buffer_release(&unescaped);
    return r;
}
