#include "config/expand.h"
#include "base/buffer.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 128

static size_t name_length(const char *text)
{
    size_t len = 0;

    if (!isalpha((unsigned char)text[0]) && text[0] != '_')
        return 0;
    while (isalnum((unsigned char)text[len]) || text[len] == '_')
        len++;
    return len;
}

static bool is_utf8(struct str s)
{
    while (s.len > 0) {
        size_t len = str_utf8_length(s);
        if (len == 0)
            return false;
        s.data += len;
        s.len -= len;
    }
    return true;
}

/* Appends the value of NAME, or DEFAULT (data NULL: there is none). */
static int append_value(struct buffer *out, struct str name, struct str fallback, struct error *err)
{
    char text[NAME_MAX_BYTES + 1];

    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): read at start, before there are threads */
    const char *value = getenv(text);
    if (fallback.data && (!value || !*value))
        return buffer_append_str(out, fallback);
    if (!value)
        return error_set(err, -EINVAL,
                         "the environment variable %s is not set; set it or write ${%s:-default}",
                         text, text);
    if (!is_utf8(str_from(value)))
        return error_set(err, -EINVAL, "the environment variable %s is not UTF-8; mend it", text);
    return buffer_append(out, value, strlen(value));
}

/* *TEXT stands behind "${"; moves it behind "}". */
static int expand_one(struct buffer *out, const char **text, struct error *err)
{
    struct str name = {*text, name_length(*text)};
    struct str fallback = {NULL, 0};
    const char *rest = *text + name.len;

    if (name.len > 0 && name.len <= NAME_MAX_BYTES && rest[0] == ':' && rest[1] == '-') {
        fallback = (struct str){rest + 2, strcspn(rest + 2, "}")};
        rest = fallback.data + fallback.len;
    }
    if (name.len == 0 || name.len > NAME_MAX_BYTES || *rest != '}')
        return error_set(err, -EINVAL,
                         "a malformed ${...}; write ${NAME}, ${NAME:-default}, or $${ for ${");
    *text = rest + 1;
    return append_value(out, name, fallback, err);
}

static int expand_into(struct buffer *out, const char *text, struct error *err)
{
    int code = 0;

    while (*text && code == 0) {
        if (strncmp(text, "$${", 3) == 0) {
            code = buffer_append(out, "${", 2);
            text += 3;
        } else if (strncmp(text, "${", 2) == 0) {
            text += 2;
            code = expand_one(out, &text, err);
        } else {
            code = buffer_append_char(out, *text++);
        }
    }
    return code;
}

int expand(char **ret_text, const char *text, struct error *err)
{
    struct buffer out;

    buffer_init(&out, EXPAND_MAX);
    int code = expand_into(&out, text, err);
    buffer_append_char(&out, '\0');
    if (out.failed)
        code = error_set(err, out.failed, "%s",
                         out.failed == -ENOMEM ? "no memory to expand it"
                                               : "expands to more than 1 MiB; shorten it");
    if (code < 0) {
        buffer_release(&out);
        return code;
    }
    *ret_text = out.data;
    return 0;
}
