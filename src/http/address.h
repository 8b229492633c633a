/* http/address.h - the network address of a client. Pure. */
#ifndef HTTP_ADDRESS_H
#define HTTP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#define HTTP_ADDRESS_BYTES 16

struct http_address {
    bool known; /* not of a unix socket */
    /* IPv6, or IPv4 mapped into it: ::ffff:192.0.2.1 */
    unsigned char bytes[HTTP_ADDRESS_BYTES];
};

struct http_address http_address_of(const struct sockaddr_storage *where);
struct http_address http_address_v4(const void *bytes); /* 4 of them, in the order of the network */
struct http_address http_address_v6(const void *bytes); /* 16 */

/* Who counts as one client: an IPv4 address, or the /64 that an IPv6 host has to itself. */
struct http_address http_address_client(const struct http_address *address);

#endif
