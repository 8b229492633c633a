#include "config/network.h"
#include "base/str.h"
#include "config/quantity.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#define ADDRESS_MAX 64

static unsigned width(int family)
{
    return family == AF_INET ? 32 : 128;
}

static bool bit(const unsigned char *bytes, unsigned i)
{
    return bytes[i / 8] >> (7 - i % 8) & 1;
}

static int parse_address(struct network *network, struct str text)
{
    char address[ADDRESS_MAX];

    if (text.len >= sizeof(address))
        return -EINVAL;
    memcpy(address, text.data, text.len);
    address[text.len] = '\0';
    network->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    return inet_pton(network->family, address, network->bytes) == 1 ? 0 : -EINVAL;
}

int network_parse(struct network *ret_network, const char *text)
{
    struct network network = {.family = AF_UNIX};
    struct str prefix = str_from(text);

    if (!str_equal(prefix, STR("unix"))) {
        uint64_t bits = 0;
        struct str address = str_cut(&prefix, '/');
        if (parse_address(&network, address) < 0)
            return -EINVAL;
        bits = width(network.family);
        if (prefix.data && quantity_number(prefix, 0, bits, &bits) < 0)
            return -EINVAL;
        network.bits = (unsigned)bits;
        for (unsigned i = network.bits; i < width(network.family); i++)
            if (bit(network.bytes, i))
                return -EINVAL;
    }
    *ret_network = network;
    return 0;
}

static bool has_bytes(const struct network *network, int family, const unsigned char *bytes)
{
    if (network->family != family)
        return false;
    for (unsigned i = 0; i < network->bits; i++)
        if (bit(network->bytes, i) != bit(bytes, i))
            return false;
    return true;
}

bool network_has(const struct network *network, const struct sockaddr *address)
{
    if (address->sa_family == AF_UNIX)
        return network->family == AF_UNIX;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return has_bytes(network, AF_INET, (const unsigned char *)&v4->sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        const unsigned char *bytes =
            ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
        if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)bytes))
            return has_bytes(network, AF_INET, bytes + 12);
        return has_bytes(network, AF_INET6, bytes);
    }
    return false;
}
