/* config/network.h - networks as they are written in the file, and whether an address is of one.
 * Pure. */
#ifndef CONFIG_NETWORK_H
#define CONFIG_NETWORK_H

#include "base/address.h"
#include <stdbool.h>

struct network {
    struct address address; /* ADDRESS_LOCAL: every unix socket */
    unsigned bits;          /* how many of its bits count, from the first */
};

/* "10.0.0.7", "10.0.0.0/8", "::1", "fd00::/8" or "unix". 0, or -EINVAL; so is a network with bits
 * set behind its prefix. */
int network_parse(struct network *ret_network, const char *text);

/* An IPv4 address that comes mapped into IPv6 counts as what it is. */
bool network_has(const struct network *network, const struct address *address);

#endif
