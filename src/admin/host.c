#include "admin/host.h"
#include "base/address.h"
#include <sys/socket.h>

static bool is_address(struct str host, int family)
{
    struct address address;

    return address_parse(&address, family, host) == 0;
}

static bool is_localhost(struct str host)
{
    static const struct str name = STR("localhost");

    if (host.len < name.len)
        return false;
    struct str end = {host.data + host.len - name.len, name.len};
    return str_equal_nocase(end, name) && (host.len == name.len || end.data[-1] == '.');
}

bool host_is_local(struct str host)
{
    if (host.len > 0 && host.data[0] == '[') {
        host = (struct str){host.data + 1, host.len - 1};
        struct str address = str_cut(&host, ']');
        return host.data != NULL && is_address(address, AF_INET6);
    }
    struct str name = str_cut(&host, ':');
    return name.len > 0 && (is_address(name, AF_INET) || is_localhost(name));
}
