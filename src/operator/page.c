#include "operator/page.h"
#include "operator/id.h"
#include "pg/result.h"
#include <errno.h>

int page_take(struct page *page, const PGresult *rows)
{
    page_drop(page);
    page->rows = PQcopyResult(rows, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
    return page->rows ? 0 : -ENOMEM;
}

void page_drop(struct page *page)
{
    PQclear(page->rows);
    *page = (struct page){0};
}

bool page_is_spent(const struct page *page)
{
    return page->next == PQntuples(page->rows);
}

int page_id(const struct page *page, size_t columns, struct buffer *out)
{
    struct str parts[CONFIG_ID_COLUMNS_MAX];
    for (size_t i = 0; i < columns; i++)
        parts[i] = pg_cell(page->rows, page->next, (int)i);
    buffer_reset(out);
    return id_join(out, parts, columns);
}
