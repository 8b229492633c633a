#include "http/address.h"
#include <netinet/in.h>
#include <string.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

#define PREFIX_BYTES 8

struct http_address http_address_v4(const void *bytes)
{
    struct http_address address = {.known = true};
    memcpy(address.bytes, mapped, sizeof(mapped));
    memcpy(address.bytes + sizeof(mapped), bytes, HTTP_ADDRESS_BYTES - sizeof(mapped));
    return address;
}

struct http_address http_address_v6(const void *bytes)
{
    struct http_address address = {.known = true};
    memcpy(address.bytes, bytes, HTTP_ADDRESS_BYTES);
    return address;
}

struct http_address http_address_of(const struct sockaddr_storage *where)
{
    if (where->ss_family == AF_INET)
        return http_address_v4(&((const struct sockaddr_in *)(const void *)where)->sin_addr);
    if (where->ss_family == AF_INET6)
        return http_address_v6(&((const struct sockaddr_in6 *)(const void *)where)->sin6_addr);
    return (struct http_address){0};
}

struct http_address http_address_client(const struct http_address *address)
{
    struct http_address client = *address;
    if (memcmp(address->bytes, mapped, sizeof(mapped)) != 0)
        memset(client.bytes + PREFIX_BYTES, 0, HTTP_ADDRESS_BYTES - PREFIX_BYTES);
    return client;
}
