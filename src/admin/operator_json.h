/* admin/operator_json.h - how an operator is, as JSON: in /status and /operators. */
#ifndef ADMIN_OPERATOR_JSON_H
#define ADMIN_OPERATOR_JSON_H

#include "admin/internal.h"
#include <jansson.h>

/* Of config->operators[I]; NULL when memory is out. */
json_t *operator_json(const struct admin *admin, size_t i);
/* Of all; the same. */
json_t *operators_json(const struct admin *admin);

/* STATUS with JSON, indented; takes JSON. NULL: 503. */
void admin_respond_json(struct http_exchange *exchange, int status, json_t *json);
/* {"error": the formatted text} */
void admin_refuse(struct http_exchange *exchange, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
