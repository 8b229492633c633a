/* operator/page.h - ids as the server gives them, read in one go and put into batches one after the
 * other: a column for each of an id's columns, and more behind them. Owns the result. */
#ifndef OPERATOR_PAGE_H
#define OPERATOR_PAGE_H

#include "base/buffer.h"
#include <libpq-fe.h>

struct page {
    PGresult *rows; /* NULL: there is none */
    int next;       /* row */
};

/* Takes a copy of ROWS. 0 or -ENOMEM. */
int page_take(struct page *page, const PGresult *rows);
void page_drop(struct page *page);
/* Not one row is left. */
bool page_is_spent(const struct page *page);
/* The id of the next row, alone in OUT. 0 or the buffer's failure. */
int page_id(const struct page *page, size_t columns, struct buffer *out);

#endif
