#include "base/address.h"
#include "unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static struct address v6(const char *text)
{
    struct address address;
    ck_assert_int_eq(address_parse(&address, AF_INET6, str_from(text)), 0);
    return address;
}

static bool same_client(const char *a, const char *b)
{
    struct address first = v6(a), second = v6(b);
    first = address_client(&first);
    second = address_client(&second);
    return memcmp(first.bytes, second.bytes, sizeof(first.bytes)) == 0;
}

/* An IPv4 address is the same client whichever kind of socket it comes to. */
START_TEST(test_of_sockets)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("192.0.2.1")};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_storage where = {0};
    ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &six.sin6_addr), 1);
    memcpy(&where, &four, sizeof(four));
    struct address of_four = address_of(&where);
    memcpy(&where, &six, sizeof(six));
    struct address of_six = address_of(&where);
    ck_assert(of_four.kind == ADDRESS_IP && of_six.kind == ADDRESS_IP);
    ck_assert_mem_eq(of_four.bytes, of_six.bytes, sizeof(of_four.bytes));
    where = (struct sockaddr_storage){.ss_family = AF_UNIX};
    ck_assert_int_eq(address_of(&where).kind, ADDRESS_LOCAL);
    where = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
    ck_assert_int_eq(address_of(&where).kind, ADDRESS_UNKNOWN);
}
END_TEST

START_TEST(test_text)
{
    static const unsigned char expected[ADDRESS_BYTES] = {0x20, 1, 0x0d, 0xb8, [15] = 1};
    struct address four, six = v6("2001:db8::1"), mapped = v6("::ffff:192.0.2.1");
    ck_assert_int_eq(address_parse(&four, AF_INET, STR("192.0.2.1")), 0);
    ck_assert_mem_eq(four.bytes, mapped.bytes, ADDRESS_BYTES);
    ck_assert_mem_eq(six.bytes, expected, ADDRESS_BYTES);
    ck_assert(address_is_v4(&four) && address_is_v4(&mapped) && !address_is_v4(&six));
}
END_TEST

START_TEST(test_no_addresses)
{
    static const struct str texts[] = {
        STR(""),
        STR("192.0.2"),
        STR("192.0.2.256"),
        STR("2001:db8::1"),
        STR("192.0.2.1\0"),
        STR("192.0.2.1 "),
        STR("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"),
    };
    struct address address;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(address_parse(&address, AF_INET, texts[i]) < 0, "%zu: not refused", i);
    ck_assert_int_lt(address_parse(&address, AF_INET6, STR("192.0.2.1")), 0);
}
END_TEST

/* Each IPv4 address is a client; an IPv6 host can have any address of its /64. */
START_TEST(test_clients)
{
    ck_assert(same_client("2001:db8::1", "2001:db8::ffff:1:2:3"));
    ck_assert(!same_client("2001:db8::1", "2001:db8:0:1::1"));
    ck_assert(same_client("::ffff:192.0.2.1", "::ffff:192.0.2.1"));
    ck_assert(!same_client("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
}
END_TEST

UNIT_SUITE("base/address", test_of_sockets, test_text, test_no_addresses, test_clients)
