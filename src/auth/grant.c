#include "auth/grant.h"
#include "base/percent.h"

#define PUBLIC STR("public.")

static struct str cut_part(struct str *rest)
{
    for (size_t i = 0; i < rest->len; i++)
        if (rest->data[i] == '/' || rest->data[i] == ':')
            return str_cut(rest, rest->data[i]);
    return str_cut(rest, '/');
}

/* What is no escape is itself. */
static char next_byte(struct str *part)
{
    int byte = percent_next(part);

    return byte < 0 ? '%' : (char)byte;
}

/* Whether PART, decoded, is BEGIN and REST. */
static bool is_text(struct str part, struct str begin, struct str rest)
{
    for (size_t i = 0; i < begin.len + rest.len; i++) {
        char expected = i < begin.len ? begin.data[i] : rest.data[i - begin.len];
        if (part.len == 0 || next_byte(&part) != expected)
            return false;
    }
    return part.len == 0;
}

static bool has_dot(struct str name)
{
    return memchr(name.data, '.', name.len) != NULL;
}

/* The first dot divides schema and table, so "a.b" is not "public.a.b". */
static bool is_table(struct str part, struct str name)
{
    struct str bare = {name.data + PUBLIC.len, name.len - PUBLIC.len};

    if (is_text(part, STR(""), name))
        return true;
    if (!has_dot(name))
        return is_text(part, PUBLIC, name);
    return str_starts_with(name, PUBLIC) && !has_dot(bare) && is_text(part, STR(""), bare);
}

bool grant_allows(struct str grant, const struct str *segments, size_t count)
{
    struct str rest = str_trim(grant);

    for (size_t i = 0; i < count; i++) {
        if (rest.data == NULL)
            return false;
        struct str part = cut_part(&rest);
        if (rest.data == NULL && str_equal(part, STR("*")))
            return true;
        /* Every other segment is an id. */
        bool same = i % 2 == 0 ? is_table(part, segments[i]) : is_text(part, STR(""), segments[i]);
        if (!same)
            return false;
    }
    return rest.data == NULL;
}
