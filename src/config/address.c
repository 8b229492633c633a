#include "config/address.h"
#include "config/quantity.h"
#include <arpa/inet.h>
#include <sys/un.h>

#define HOST_MAX 255

/* Cuts TEXT at its last colon; brackets around an IPv6 host are taken off. False: no such form. */
static bool split(const char *text, char host[HOST_MAX + 1], struct str *ret_port)
{
    const char *colon = strrchr(text, ':');
    if (!colon)
        return false;
    struct str name = {text, (size_t)(colon - text)};
    if (name.len >= 2 && name.data[0] == '[' && name.data[name.len - 1] == ']') {
        name.data++;
        name.len -= 2;
    } else if (memchr(name.data, ':', name.len)) {
        return false;
    }
    if (name.len == 0 || name.len > HOST_MAX)
        return false;
    memcpy(host, name.data, name.len);
    host[name.len] = '\0';
    *ret_port = str_from(colon + 1);
    return true;
}

static const char *check_unix(const char *path)
{
    if (*path == '\0')
        return "unix: without a path; write unix:/run/walpiper/http.sock";
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return "a Unix socket's path has at most 107 bytes; choose a shorter one";
    return NULL;
}

const char *address_check(const char *text)
{
    char host[HOST_MAX + 1];
    struct in6_addr v6;
    struct str port;
    uint64_t number = 0;

    if (str_starts_with(str_from(text), STR("unix:")))
        return check_unix(text + strlen("unix:"));
    if (!split(text, host, &port))
        return "no address; write HOST:PORT, [IPV6]:PORT or unix:PATH";
    if (strchr(host, ':') && inet_pton(AF_INET6, host, &v6) != 1)
        return "no IPv6 address in the brackets; write [::1]:4000";
    if (strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") !=
        strlen(host))
        return "no host name; write HOST:PORT, 0.0.0.0:PORT for all addresses";
    if (quantity_number(port, 1, 65535, &number) < 0)
        return "the port is a number from 1 to 65535; mend it";
    return NULL;
}

bool address_is_loopback(const char *text)
{
    char host[HOST_MAX + 1];
    struct in_addr v4;
    struct in6_addr v6;
    struct str port;

    if (str_starts_with(str_from(text), STR("unix:")))
        return true;
    if (!split(text, host, &port))
        return false;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return str_equal_nocase(str_from(host), STR("localhost"));
}
