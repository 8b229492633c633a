/* Text of a query, whatever it is: with its parameters bound none is left to be bound, and without
 * a dollar sign it stays as it is up to its last token. */
#include "fuzz.h"
#include "operator/sql_text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str sql = exact_copy(data, size);
    struct buffer bound, again;

    buffer_init(&bound, 8 << 20);
    buffer_init(&again, 8 << 20);
    promise(sql_text_bind(&bound, sql, "k") == 0);
    struct str once = exact_copy((const uint8_t *)bound.data, bound.len);
    promise(sql_text_bind(&again, once, "k") == 0);
    promise(str_equal(once, buffer_str(&again)));
    if (size == 0 || memchr(data, '$', size) == NULL)
        promise(once.len <= sql.len && str_equal(once, (struct str){sql.data, once.len}));
    free_copy(once);
    free_copy(sql);
    buffer_release(&bound);
    buffer_release(&again);
    return 0;
}
