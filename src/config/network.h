/* config/network.h - networks as they are written in the file, and whether an address is of one.
 * Pure. */
#ifndef CONFIG_NETWORK_H
#define CONFIG_NETWORK_H

#include <stdbool.h>

struct sockaddr;

struct network {
    int family;              /* AF_INET, AF_INET6, or AF_UNIX: every Unix socket */
    unsigned char bytes[16]; /* in network order; 4 of them for AF_INET */
    unsigned bits;
};

/* "10.0.0.7", "10.0.0.0/8", "::1", "fd00::/8" or "unix". 0, or -EINVAL; so is a network with bits
 * set behind its prefix. */
int network_parse(struct network *ret_network, const char *text);

/* An IPv4 address that comes mapped into IPv6 counts as what it is. */
bool network_has(const struct network *network, const struct sockaddr *address);

#endif
