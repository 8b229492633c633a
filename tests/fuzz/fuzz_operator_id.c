/* What may be an id of several columns, in the state tables: it is refused, or its parts make an id
 * that has the same parts; and the input's lines, as parts, come out of their id as they went in.
 */
#include "fuzz.h"
#include "operator/id.h"

#include <errno.h>
#include <stdlib.h>

static void check_round_trip(const struct str *parts, size_t count)
{
    struct buffer id, again, scratch;
    const char *split[CONFIG_ID_COLUMNS_MAX];

    buffer_init(&id, 1 << 20);
    buffer_init(&again, 1 << 20);
    buffer_init(&scratch, 1 << 20);
    promise(id_join(&id, parts, count) == 0 && buffer_append_char(&id, '\0') == 0);
    promise(id_split(&scratch, id.data, count, split) == 0);
    struct str texts[CONFIG_ID_COLUMNS_MAX];
    for (size_t i = 0; i < count; i++)
        texts[i] = str_from(split[i]);
    promise(id_join(&again, texts, count) == 0 && buffer_append_char(&again, '\0') == 0);
    promise(str_equal(buffer_str(&id), buffer_str(&again)));
    buffer_release(&id);
    buffer_release(&again);
    buffer_release(&scratch);
}

/* As all texts of databases are that walpiper works with. */
static bool is_utf8(struct str text)
{
    while (text.len > 0) {
        size_t len = str_utf8_length(text);
        if (len == 0)
            return false;
        text = (struct str){text.data + len, text.len - len};
    }
    return true;
}

static void check_split(const char *text, size_t count)
{
    struct buffer scratch;
    const char *split[CONFIG_ID_COLUMNS_MAX];

    buffer_init(&scratch, 1 << 20);
    int rc = id_split(&scratch, text, count, split);
    promise(rc == 0 || rc == -EINVAL);
    struct str parts[CONFIG_ID_COLUMNS_MAX];
    for (size_t i = 0; rc == 0 && i < count; i++)
        parts[i] = str_from(split[i]);
    if (rc == 0)
        check_round_trip(parts, count);
    buffer_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str parts[CONFIG_ID_COLUMNS_MAX];
    char *text = str_dup((struct str){(const char *)data, size});
    struct str rest = str_from(text);
    size_t count = 0;

    if (!is_utf8(rest)) {
        free(text);
        return 0;
    }
    for (size_t columns = 1; columns <= CONFIG_ID_COLUMNS_MAX; columns++)
        check_split(text, columns);
    while (rest.data != NULL && count < CONFIG_ID_COLUMNS_MAX)
        parts[count++] = str_cut(&rest, '\n');
    check_round_trip(parts, count);
    free(text);
    return 0;
}
