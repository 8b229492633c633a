#include "admin/host.h"
#include "unit.h"

START_TEST(test_this_machine_is_meant)
{
    static const char *const hosts[] = {
        "localhost",      "localhost:4001", "LocalHost:1", "walpiper.localhost:4001",
        "127.0.0.1:4001", "10.1.2.3",       "[::1]:4001",  "[::1]",
    };

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        ck_assert_msg(host_is_local(str_from(hosts[i])), "%s", hosts[i]);
}
END_TEST

START_TEST(test_a_name_that_dns_may_point_anywhere_is_not)
{
    static const char *const hosts[] = {
        "",
        ":4001",
        "example.org",
        "example.org:4001",
        "evillocalhost",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "127.0.0.1.",
        "localhost.",
        "[example.org]:4001",
        "[",
        "[::1",
        "0x7f000001",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
    };

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        ck_assert_msg(!host_is_local(str_from(hosts[i])), "%s", hosts[i]);
}
END_TEST

UNIT_SUITE("admin/host", test_this_machine_is_meant, test_a_name_that_dns_may_point_anywhere_is_not)
