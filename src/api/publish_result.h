/* api/publish_result.h - what the server's results say of one batch (the statements are in
 * api/publish_sql.h). Pure: notes it in the request, which it borrows. */
#ifndef API_PUBLISH_RESULT_H
#define API_PUBLISH_RESULT_H

#include "api/publish_table.h"

#include <libpq-fe.h>

/* Of publish_sql_claim: whether the key is taken. */
void publish_result_claim(struct publish_request *request, const PGresult *result);
/* Of an insert, in the order of the items. A trigger may have kept the row out: then there is no
 * id. */
void publish_result_item(struct publish_request *request, const PGresult *result);
/* Of publish_sql_lookup. Item 0 is the request; an item that is not there gave no row. */
void publish_result_found(struct publish_request *request, const PGresult *result);

/* What came of a transaction that failed with ERR, and of a lookup that did not fail. */
struct publish_outcome publish_result_failure(const struct publish_request *request,
                                              const struct error *err);
struct publish_outcome publish_result_lookup(const struct publish_request *request);

#endif
