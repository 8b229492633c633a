#include "operator/id.h"
#include "event/type.h"
#include <errno.h>

int id_join(struct buffer *out, const struct str *parts, size_t count)
{
    if (count == 1)
        return buffer_append_str(out, parts[0]);
    for (size_t i = 0; i < count; i++) {
        buffer_append_char(out, i == 0 ? '[' : ',');
        json_quote(out, parts[i]);
    }
    return buffer_append_char(out, ']');
}

/* Length of the JSON string that TEXT begins with, quotes included; 0: there is none. */
static size_t string_length(const char *text)
{
    if (*text != '"')
        return 0;
    const char *at = text + 1;
    while (*at && *at != '"')
        at += at[0] == '\\' && at[1] ? 2 : 1;
    return *at ? (size_t)(at - text) + 1 : 0;
}

static int split_part(struct buffer *scratch, const char **at, char before)
{
    size_t len = **at == before ? string_length(*at + 1) : 0;
    if (len == 0)
        return -EINVAL;
    int rc = json_scalar_text(scratch, (struct str){*at + 1, len});
    *at += len + 1;
    return rc < 0 ? rc : buffer_append_char(scratch, '\0');
}

int id_split(struct buffer *scratch, const char *id, size_t count,
             const char *ret_parts[CONFIG_ID_COLUMNS_MAX])
{
    if (count == 1) {
        ret_parts[0] = id;
        return 0;
    }
    size_t starts[CONFIG_ID_COLUMNS_MAX];
    const char *at = id;
    buffer_reset(scratch);
    for (size_t i = 0; i < count; i++) {
        starts[i] = scratch->len;
        int rc = split_part(scratch, &at, i == 0 ? '[' : ',');
        if (rc < 0)
            return rc;
    }
    if (strcmp(at, "]") != 0)
        return -EINVAL;
    for (size_t i = 0; i < count; i++)
        ret_parts[i] = scratch->data + starts[i];
    return 0;
}
