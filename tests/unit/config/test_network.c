#include "config/network.h"
#include "unit.h"
#include <sys/socket.h>

static bool has(const char *network, const char *address)
{
    struct network parsed;
    struct address other = {.kind = ADDRESS_LOCAL};

    ck_assert_msg(network_parse(&parsed, network) == 0, "%s", network);
    if (strcmp(address, "unix") != 0)
        ck_assert_int_eq(
            address_parse(&other, strchr(address, ':') ? AF_INET6 : AF_INET, str_from(address)), 0);
    return network_has(&parsed, &other);
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
    ck_assert(has("::ffff:10.0.0.0/104", "10.1.2.3"));
    ck_assert(!has("::ffff:10.0.0.0/104", "11.1.2.3"));
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
    static const char *const all[] = {"0.0.0.0/0", "::/0", "unix"};
    const struct address unknown = {0};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct network any;
        ck_assert_int_eq(network_parse(&any, all[i]), 0);
        ck_assert_msg(!network_has(&any, &unknown), "%s", all[i]);
    }
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
