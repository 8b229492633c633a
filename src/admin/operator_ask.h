/* admin/operator_ask.h - a statement about one operator, for a request that waits for its rows. */
#ifndef ADMIN_OPERATOR_ASK_H
#define ADMIN_OPERATOR_ASK_H

#include "admin/operator_json.h"

struct operator_ask {
    const char *sql;            /* for the schema walpiper; $1 is the operator's name */
    const char *check;          /* runs before it, in its transaction; copied; NULL: none */
    const char *second, *third; /* its $2 and $3, as many as VALUE_COUNT says; copied */
    int value_count;
    /* What ROWS come to: the status, and what is said with it; NULL when memory is out. Sent once
     * the transaction is committed. */
    int (*answer)(const struct admin *admin, size_t i, const PGresult *rows, json_t **ret_json);
};

/* Answers EXCHANGE, now or later. I: the operator's number. */
void operator_ask(struct admin *admin, struct http_exchange *exchange, size_t i,
                  const struct operator_ask *ask);

#endif
