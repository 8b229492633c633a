#include "config/network.h"
#include "unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static bool has(const char *network, const char *address)
{
    struct network parsed;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    const void *other = &local;

    ck_assert_msg(network_parse(&parsed, network) == 0, "%s", network);
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        other = &v4;
    else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
        other = &v6;
    return network_has(&parsed, other);
}

START_TEST(test_what_a_network_has)
{
    ck_assert(has("10.0.0.7", "10.0.0.7"));
    ck_assert(!has("10.0.0.7", "10.0.0.6"));
    ck_assert(has("10.0.0.0/8", "10.255.1.2"));
    ck_assert(!has("10.0.0.0/8", "11.0.0.0"));
    ck_assert(has("192.168.4.0/22", "192.168.7.255"));
    ck_assert(!has("192.168.4.0/22", "192.168.8.0"));
    ck_assert(has("0.0.0.0/0", "255.255.255.255"));
    ck_assert(has("fd00::/8", "fdff::1"));
    ck_assert(!has("fd00::/8", "fe00::1"));
    ck_assert(has("::1", "::1"));
    ck_assert(!has("::1", "::2"));
    ck_assert(has("unix", "unix"));
}
END_TEST

START_TEST(test_families_are_not_confused)
{
    ck_assert(has("127.0.0.0/8", "::ffff:127.0.0.1"));
    ck_assert(!has("10.0.0.0/8", "::ffff:127.0.0.1"));
    ck_assert(!has("::/0", "127.0.0.1"));
    ck_assert(!has("::/0", "::ffff:127.0.0.1"));
    ck_assert(!has("0.0.0.0/0", "::1"));
    ck_assert(!has("0.0.0.0/0", "unix"));
    ck_assert(!has("unix", "127.0.0.1"));
    struct network any;
    struct sockaddr gone = {.sa_family = AF_UNSPEC};
    ck_assert_int_eq(network_parse(&any, "0.0.0.0/0"), 0);
    ck_assert(!network_has(&any, &gone));
}
END_TEST

START_TEST(test_no_networks)
{
    static const char *const texts[] = {
        "",
        "/8",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/-1",
        "10.0/8",
        "fd00::/129",
        "fd00::1/8",
        "example.org",
        "Unix",
        "unix/8",
        "10.0.0.0/8/8",
        "10.0.0.0 /8",
        "0x7f.0.0.1",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct network network;
        ck_assert_msg(network_parse(&network, texts[i]) < 0, "%s: not refused", texts[i]);
    }
}
END_TEST

UNIT_SUITE("config/network", test_what_a_network_has, test_families_are_not_confused,
           test_no_networks)
