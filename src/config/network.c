#include "config/network.h"
#include "base/str.h"
#include "config/quantity.h"
#include <errno.h>
#include <sys/socket.h>

#define ADDRESS_BITS (8 * ADDRESS_BYTES)
#define V4_BITS 32

static bool bit(const struct address *address, unsigned i)
{
    return address->bytes[i / 8] >> (7 - i % 8) & 1;
}

int network_parse(struct network *ret_network, const char *text)
{
    struct network network = {.address = {.kind = ADDRESS_LOCAL}};
    struct str prefix = str_from(text);

    if (!str_equal(prefix, STR("unix"))) {
        struct str spelled = str_cut(&prefix, '/');
        bool v4 = memchr(spelled.data, ':', spelled.len) == NULL;
        uint64_t width = v4 ? V4_BITS : ADDRESS_BITS, bits = width;
        if (address_parse(&network.address, v4 ? AF_INET : AF_INET6, spelled) < 0)
            return -EINVAL;
        if (prefix.data && quantity_number(prefix, 0, width, &bits) < 0)
            return -EINVAL;
        network.bits = (unsigned)(ADDRESS_BITS - width + bits);
        for (unsigned i = network.bits; i < ADDRESS_BITS; i++)
            if (bit(&network.address, i))
                return -EINVAL;
    }
    *ret_network = network;
    return 0;
}

bool network_has(const struct network *network, const struct address *address)
{
    if (network->address.kind != address->kind ||
        address_is_v4(&network->address) != address_is_v4(address))
        return false;
    for (unsigned i = 0; i < network->bits; i++)
        if (bit(&network->address, i) != bit(address, i))
            return false;
    return true;
}
