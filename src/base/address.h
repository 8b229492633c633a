/* base/address.h - the network address of a peer. Pure. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include "base/str.h"
#include <stdbool.h>

#define ADDRESS_BYTES 16

struct sockaddr_storage; /* of <sys/socket.h> */

enum address_kind {
    ADDRESS_UNKNOWN,
    ADDRESS_LOCAL, /* of a unix socket */
    ADDRESS_IP,
};

struct address {
    enum address_kind kind;
    /* Of ADDRESS_IP: IPv6, or IPv4 mapped into it: ::ffff:192.0.2.1; else zeros. */
    unsigned char bytes[ADDRESS_BYTES];
};

struct address address_of(const struct sockaddr_storage *where);
struct address address_v4(const void *bytes); /* 4 of them, in the order of the network */
struct address address_v6(const void *bytes); /* 16 */

/* What TEXT spells in FAMILY, AF_INET or AF_INET6. 0 or -EINVAL. */
int address_parse(struct address *ret_address, int family, struct str text);

bool address_is_v4(const struct address *address);

/* Who counts as one client: an IPv4 address, or the /64 that an IPv6 host has to itself. */
struct address address_client(const struct address *address);

#endif
