#include "base/address.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

#define PREFIX_BYTES 8

struct address address_v4(const void *bytes)
{
    struct address address = {.kind = ADDRESS_IP};
    memcpy(address.bytes, mapped, sizeof(mapped));
    memcpy(address.bytes + sizeof(mapped), bytes, ADDRESS_BYTES - sizeof(mapped));
    return address;
}

struct address address_v6(const void *bytes)
{
    struct address address = {.kind = ADDRESS_IP};
    memcpy(address.bytes, bytes, ADDRESS_BYTES);
    return address;
}

struct address address_of(const struct sockaddr_storage *where)
{
    switch (where->ss_family) {
    case AF_INET:
        return address_v4(&((const struct sockaddr_in *)(const void *)where)->sin_addr);
    case AF_INET6:
        return address_v6(&((const struct sockaddr_in6 *)(const void *)where)->sin6_addr);
    case AF_UNIX:
        return (struct address){.kind = ADDRESS_LOCAL};
    default:
        return (struct address){.kind = ADDRESS_UNKNOWN};
    }
}

int address_parse(struct address *ret_address, int family, struct str text)
{
    char zero_ended[INET6_ADDRSTRLEN];
    unsigned char bytes[ADDRESS_BYTES];
    if (text.len >= sizeof(zero_ended) || text.len == 0 || memchr(text.data, '\0', text.len))
        return -EINVAL;
    memcpy(zero_ended, text.data, text.len);
    zero_ended[text.len] = '\0';
    if (inet_pton(family, zero_ended, bytes) != 1)
        return -EINVAL;
    *ret_address = family == AF_INET ? address_v4(bytes) : address_v6(bytes);
    return 0;
}

bool address_is_v4(const struct address *address)
{
    return memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

struct address address_client(const struct address *address)
{
    struct address client = *address;
    if (!address_is_v4(address))
        memset(client.bytes + PREFIX_BYTES, 0, ADDRESS_BYTES - PREFIX_BYTES);
    return client;
}
