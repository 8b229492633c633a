#include "http/address.h"
#include "unit.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static struct http_address v6(const char *text)
{
    struct in6_addr bytes;
    ck_assert_int_eq(inet_pton(AF_INET6, text, &bytes), 1);
    return http_address_v6(&bytes);
}

static bool same_client(const char *a, const char *b)
{
    struct http_address first = v6(a), second = v6(b);
    first = http_address_client(&first);
    second = http_address_client(&second);
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
    struct http_address of_four = http_address_of(&where);
    memcpy(&where, &six, sizeof(six));
    struct http_address of_six = http_address_of(&where);
    ck_assert(of_four.known && of_six.known);
    ck_assert_mem_eq(of_four.bytes, of_six.bytes, sizeof(of_four.bytes));
    where = (struct sockaddr_storage){.ss_family = AF_UNIX};
    ck_assert(!http_address_of(&where).known);
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

UNIT_SUITE("http/address", test_of_sockets, test_clients)
