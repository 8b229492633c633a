#include "http/proxy.h"
#include "unit.h"
#include <arpa/inet.h>
#include <errno.h>

#define V2(command, family, len) "\r\n\r\n\0\r\nQUIT\n" command family len

static struct address got;

static long parse(struct str bytes)
{
    got = (struct address){0};
    return http_proxy_parse(bytes, &got);
}

static void expect_client(const char *text)
{
    char is[INET6_ADDRSTRLEN];
    ck_assert(got.kind == ADDRESS_IP);
    ck_assert_ptr_nonnull(inet_ntop(AF_INET6, got.bytes, is, sizeof(is)));
    ck_assert_str_eq(is, text);
}

/* HEADER is taken whole, is incomplete up to each byte of it, and says nothing of what is behind.
 */
static void expect_header(struct str header)
{
    char more[512];
    ck_assert_uint_le(header.len + 5, sizeof(more));
    memcpy(more, header.data, header.len);
    memcpy(more + header.len, "GET /", 5);
    for (size_t len = 0; len < header.len; len++)
        ck_assert_msg(parse((struct str){header.data, len}) == HTTP_PROXY_INCOMPLETE, "%zu", len);
    ck_assert_int_eq(parse((struct str){more, header.len + 5}), (long)header.len);
    ck_assert_int_eq(parse(header), (long)header.len);
}

START_TEST(test_text)
{
    expect_header(STR("PROXY TCP4 192.0.2.1 198.51.100.2 50000 443\r\n"));
    expect_client("::ffff:192.0.2.1");
    expect_header(STR("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"));
    expect_client("2001:db8::1");
    expect_header(STR("PROXY UNKNOWN\r\n"));
    ck_assert(got.kind == ADDRESS_UNKNOWN);
    expect_header(STR("PROXY UNKNOWN ffff::1 whatever\r\n"));
    ck_assert(got.kind == ADDRESS_UNKNOWN);
}
END_TEST

START_TEST(test_binary)
{
    expect_header(STR(V2("\x21", "\x11", "\0\x0c") "\xc0\0\2\1\xc6\x33\x64\2\xc3\x50\1\xbb"));
    expect_client("::ffff:192.0.2.1");
    expect_header(STR(V2("\x21", "\x21", "\0\x24") "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                                                   "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
                                                   "\xc3\x50\1\xbb"));
    expect_client("2001:db8::1");
    /* With an extension behind the addresses. */
    expect_header(
        STR(V2("\x21", "\x11", "\0\x10") "\xc0\0\2\1\xc6\x33\x64\2\xc3\x50\1\xbb\4\0\1x"));
    expect_client("::ffff:192.0.2.1");
    /* A proxy for itself, and one that does not say for whom. */
    expect_header(STR(V2("\x20", "\0", "\0\0")));
    ck_assert(got.kind == ADDRESS_UNKNOWN);
    expect_header(STR(V2("\x20", "\x11", "\0\x0c") "\xc0\0\2\1\xc6\x33\x64\2\xc3\x50\1\xbb"));
    ck_assert(got.kind == ADDRESS_UNKNOWN);
    expect_header(STR(V2("\x21", "\0", "\0\0")));
    ck_assert(got.kind == ADDRESS_UNKNOWN);
}
END_TEST

/* Anything else is no header, and is told at the first byte that shows it. */
START_TEST(test_refused)
{
    static const struct str list[] = {
        STR("G"),
        STR("GET / HTTP/1.1\r\n"),
        STR("PROXy"),
        STR("\r\nP"),
        STR("\r\n\r\n\0\r\nQUIT "),
        STR("PROXY \r\n"),
        STR("PROXY TCP4\r\n"),
        STR("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n"),
        STR("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
        STR("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
        STR("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n"),
        STR("PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n"),
        STR("PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n"),
        STR("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"),
        STR("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"),
        STR("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"),
        STR("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"),
        STR("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"),
        STR("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"),
        STR("PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        STR(V2("\x11", "\x11", "\0\x0c")),
        STR(V2("\x22", "\x11", "\0\x0c")),
        STR(V2("\x21", "\x11", "\xff\xff")),
        STR(V2("\x21", "\x11", "\0\x0b") "\xc0\0\2\1\xc6\x33\x64\2\xc3\x50\1"),
        STR(V2("\x21", "\x12", "\0\x0c") "\xc0\0\2\1\xc6\x33\x64\2\xc3\x50\1\xbb"),
        STR(V2("\x21", "\x31", "\0\1") "x"),
        STR(V2("\x21", "\x21", "\0\x0c") "\xc0\0\2\1\xc6\x33\x64\2\xc3\x50\1\xbb"),
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        ck_assert_msg(parse(list[i]) == -EINVAL, "%zu: %.*s", i, STR_ARG(list[i]));
        ck_assert(got.kind == ADDRESS_UNKNOWN);
    }
}
END_TEST

UNIT_SUITE("http/proxy", test_text, test_binary, test_refused)
