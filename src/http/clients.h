/* http/clients.h - how many connections each client has, over all servers of the process, and the
 * limit of it. Any thread. What it holds is bounded by the connections that there are. */
#ifndef HTTP_CLIENTS_H
#define HTTP_CLIENTS_H

#include "http/address.h"

struct http_clients;

/* MAX connections for each. NULL when memory is out. */
struct http_clients *http_clients_new(unsigned max);
void http_clients_free(struct http_clients *clients); /* NULL is fine */

/* Counts one connection of ADDRESS, which must be known. False, and not counted: it has as many as
 * it may, or there is no memory to count. */
bool http_clients_enter(struct http_clients *clients, const struct http_address *address);
/* Once for each that entered. */
void http_clients_leave(struct http_clients *clients, const struct http_address *address);

#endif
