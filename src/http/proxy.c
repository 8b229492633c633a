#include "http/proxy.h"
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

/* --- version 1: a line of text ------------------------------------------------------------- */

#define LINE_MAX_BYTES 107 /* with its CR LF */

static bool is_port(struct str text)
{
    unsigned port = 0;
    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    return port <= UINT16_MAX;
}

/* "TCP4 192.0.2.1 192.0.2.2 50000 443", behind "PROXY ". */
static int take_words(struct str words, struct address *ret_client)
{
    struct address client, here;
    struct str family_name = str_cut(&words, ' ');
    if (str_equal(family_name, STR("UNKNOWN")))
        return 0; /* whatever follows */
    int family = str_equal(family_name, STR("TCP4"))   ? AF_INET
                 : str_equal(family_name, STR("TCP6")) ? AF_INET6
                                                       : AF_UNSPEC;
    if (family == AF_UNSPEC)
        return -EINVAL;
    if (address_parse(&client, family, str_cut(&words, ' ')) < 0 ||
        address_parse(&here, family, str_cut(&words, ' ')) < 0 || !is_port(str_cut(&words, ' ')) ||
        !is_port(words))
        return -EINVAL;
    *ret_client = client;
    return 0;
}

static long parse_line(struct str bytes, struct address *ret_client)
{
    static const struct str begin = STR("PROXY ");
    size_t most = bytes.len < LINE_MAX_BYTES ? bytes.len : LINE_MAX_BYTES;
    const char *end = memchr(bytes.data, '\n', most);
    if (!end)
        return most < LINE_MAX_BYTES ? HTTP_PROXY_INCOMPLETE : -EINVAL;
    size_t len = (size_t)(end - bytes.data) + 1;
    if (len < begin.len + 2 || end[-1] != '\r')
        return -EINVAL;
    struct str words = {bytes.data + begin.len, len - begin.len - 2};
    return take_words(words, ret_client) < 0 ? -EINVAL : (long)len;
}

/* --- version 2: binary --------------------------------------------------------------------- */

#define FIXED_BYTES 16 /* signature, version and command, family, length */

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };
enum { FAMILY_NONE = 0x00, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21, FAMILY_UNIX = 0x31 };

static const struct str signature = STR("\r\n\r\n\0\r\nQUIT\n");

/* Addresses come first in what is behind the fixed part: the client's, then the proxy's; ports. */
static int take_binary(unsigned family, struct str rest, struct address *ret_client)
{
    switch (family) {
    case FAMILY_NONE:
        return 0;
    case FAMILY_TCP4:
        if (rest.len < 12)
            return -EINVAL;
        *ret_client = address_v4(rest.data);
        return 0;
    case FAMILY_TCP6:
        if (rest.len < 36)
            return -EINVAL;
        *ret_client = address_v6(rest.data);
        return 0;
    case FAMILY_UNIX:
        return rest.len < 216 ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

static long parse_binary(struct str bytes, struct address *ret_client)
{
    if (bytes.len < FIXED_BYTES)
        return HTTP_PROXY_INCOMPLETE;
    const unsigned char *fixed = (const unsigned char *)bytes.data;
    unsigned command = fixed[12], family = fixed[13];
    size_t len = (size_t)fixed[14] << 8 | fixed[15];
    if ((command != COMMAND_LOCAL && command != COMMAND_PROXY) ||
        len > HTTP_PROXY_MAX - FIXED_BYTES)
        return -EINVAL;
    if (bytes.len - FIXED_BYTES < len)
        return HTTP_PROXY_INCOMPLETE;
    struct str rest = {bytes.data + FIXED_BYTES, len};
    if (command == COMMAND_PROXY && take_binary(family, rest, ret_client) < 0)
        return -EINVAL;
    return (long)(FIXED_BYTES + len);
}

/* The first bytes say which version it is, and that it is one at all as early as they can. */
static bool begins(struct str bytes, struct str with)
{
    size_t len = bytes.len < with.len ? bytes.len : with.len;
    return memcmp(bytes.data, with.data, len) == 0;
}

long http_proxy_parse(struct str bytes, struct address *ret_client)
{
    if (bytes.len == 0)
        return HTTP_PROXY_INCOMPLETE;
    if (begins(bytes, signature))
        return parse_binary(bytes, ret_client);
    if (begins(bytes, STR("PROXY ")))
        return parse_line(bytes, ret_client);
    return -EINVAL;
}
