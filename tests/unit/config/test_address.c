#include "config/address.h"
#include "unit.h"
#include <string.h>

#define EACH(list, item)                                                                           \
    for (size_t i = 0; i < sizeof(list) / sizeof((list)[0]) && ((item) = (list)[i]); i++)

START_TEST(test_loopback)
{
    static const char *const addresses[] = {
        "127.0.0.1:4000", "127.255.0.9:1",    "localhost:65535", "LocalHost:80",
        "[::1]:4000",     "unix:/run/w.sock", "unix:relative",
    };
    const char *address = NULL;

    EACH(addresses, address)
    {
        ck_assert_msg(!address_check(address), "%s: %s", address, address_check(address));
        ck_assert_msg(address_is_loopback(address), "%s", address);
    }
}
END_TEST

START_TEST(test_public)
{
    static const char *const addresses[] = {
        "0.0.0.0:4000",   "[::]:4000",
        "10.0.0.1:4000",  "192.168.1.1:1",
        "example.org:80", "localhost.example.org:80",
        "128.0.0.1:80",   "[::ffff:10.0.0.1]:80",
        "127.1:80",
    };
    const char *address = NULL;

    EACH(addresses, address)
    {
        ck_assert_msg(!address_check(address), "%s: %s", address, address_check(address));
        ck_assert_msg(!address_is_loopback(address), "%s", address);
    }
}
END_TEST

START_TEST(test_no_addresses)
{
    static const char *const addresses[] = {
        "",
        ":",
        "4000",
        ":4000",
        "localhost",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:4000x",
        "localhost:+80",
        "localhost: 80",
        "::1:4000",
        "[::1]",
        "[::1]4000",
        "[]:80",
        "[x:y]:80",
        "unix:",
        "http://localhost:80",
        "a b:80",
        "*:80",
        "tcp:localhost:80",
    };
    char path[200] = "unix:";
    const char *address = NULL;

    EACH(addresses, address)
    {
        ck_assert_msg(address_check(address), "%s: not refused", address);
    }
    memset(path + 5, 'x', 107);
    ck_assert_ptr_null(address_check(path));
    path[112] = 'x';
    ck_assert_ptr_nonnull(address_check(path));
    ck_assert(!address_is_loopback("nowhere"));
}
END_TEST

UNIT_SUITE("config/address", test_loopback, test_public, test_no_addresses)
