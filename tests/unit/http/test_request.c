#include "http/request.h"
#include "unit.h"
#include <errno.h>
#include <http_parser.h>
#include <stdio.h>

#define MAX_HEAD 16384
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One head, what we say to it, and where http-parser sees it differently: why we are stricter. */
struct sample {
    const char *name;
    struct str bytes;
    long expected;        /* > 0: accepted with all bytes; else the return value */
    const char *stricter; /* NULL: http-parser agrees */
};

#define OK 1
#define HEAD(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct sample samples[] = {
    {"plain", HEAD("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), OK, NULL},
    {"browser",
     HEAD("GET /streams/comments?rating=gte.4&types=insert,delete HTTP/1.1\r\nHost: "
          "localhost:4000\r\n"
          "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/event-stream\r\n"
          "Accept-Language: de,en;q=0.5\r\nCache-Control: no-cache\r\nConnection: keep-alive\r\n"
          "Last-Event-ID: 7f3a91c2-16B3748-3\r\nCookie: walpiper_token=a.b.c\r\n\r\n"),
     OK, NULL},
    {"HTTP/1.0 without Host", HEAD("GET /events HTTP/1.0\r\n\r\n"), OK, NULL},
    {"IPv6 host", HEAD("GET / HTTP/1.1\r\nHost: [::1]:4000\r\n\r\n"), OK, NULL},
    {"empty host", HEAD("GET / HTTP/1.1\r\nHost:\r\n\r\n"), OK, NULL},
    {"empty line first", HEAD("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), OK, NULL},
    {"spaces around a value", HEAD("GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n"), OK, NULL},
    {"empty value", HEAD("GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \r\n\r\n"), OK, NULL},
    {"bytes of 0x80 and more in a value",
     HEAD("GET / HTTP/1.1\r\nHost: a\r\nX: caf\xc3\xa9 \xff\r\n\r\n"), OK, NULL},
    {"odd bytes browsers leave in a query",
     HEAD("GET /?a=|^`{}[]\\\"<>' HTTP/1.1\r\nHost: a\r\n\r\n"), OK, NULL},
    {"all of tchar in a name",
     HEAD("GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: 1\r\n\r\n"), OK, NULL},
    {"body length", HEAD("POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), OK,
     NULL},

    {"two empty lines first", HEAD("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), -400,
     "RFC 9112 2.2 forgives one"},
    {"bare LF", HEAD("GET / HTTP/1.1\nHost: a\n\n"), -400,
     "a proxy may see other lines than we do"},
    {"bare LF in headers", HEAD("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"), -400, "the same"},
    {"bare CR in a value", HEAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"), -400, NULL},
    {"bare CR ends a line", HEAD("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"), -400, NULL},
    {"CR CR LF", HEAD("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), -400, NULL},
    {"NUL in a value", HEAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"), -400, NULL},
    {"NUL in a name", HEAD("GET / HTTP/1.1\r\nHost: a\r\nX\0Y: b\r\n\r\n"), -400, NULL},
    {"NUL in the target", HEAD("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), -400, NULL},
    {"control byte in a value", HEAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n"), -400, NULL},
    {"DEL in a value", HEAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n"), -400, NULL},
    {"control byte in the target", HEAD("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"), -400, NULL},
    {"tab in the target", HEAD("GET /\ta HTTP/1.1\r\nHost: a\r\n\r\n"), -400,
     "not a URI character"},
    {"raw UTF-8 in the target", HEAD("GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"), -400,
     "RFC 3986: must be percent-encoded"},
    {"fragment", HEAD("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), -400,
     "RFC 9112 3.2: no part of a request target"},
    {"absolute form", HEAD("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), OK, NULL},
    {"absolute form of IPv6", HEAD("GET HTTPS://[::1]:4/b?c HTTP/1.1\r\nHost: a\r\n\r\n"), OK,
     NULL},
    {"absolute form without a path", HEAD("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"), -400,
     "no resource of ours"},
    {"absolute form with a user", HEAD("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"), -400,
     "RFC 9110 4.2.4: deprecated"},
    {"absolute form without a host", HEAD("GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n"), -400,
     "RFC 9110 4.2.1: invalid"},
    {"another scheme", HEAD("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), -400, "we are no proxy"},
    {"authority form", HEAD("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"), -400, "we are no proxy"},
    {"asterisk form", HEAD("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), -400,
     "nothing to say for all"},
    {"target without slash", HEAD("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), -400, NULL},
    {"empty target", HEAD("GET  HTTP/1.1\r\nHost: a\r\n\r\n"), -400, NULL},
    {"two spaces before the version", HEAD("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"), -400,
     "RFC 9112 3: one"},
    {"space after the version", HEAD("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), -400, NULL},
    {"two spaces after the method", HEAD("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), -400,
     "RFC 9112 3: one"},
    {"space before the method", HEAD(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), -400, NULL},
    {"HTTP/0.9", HEAD("GET /\r\n\r\n"), -400, "no headers, no status"},
    {"method with a slash", HEAD("G/T / HTTP/1.1\r\nHost: a\r\n\r\n"), -400, NULL},
    {"lower-case http", HEAD("GET / http/1.1\r\nHost: a\r\n\r\n"), -400, NULL},
    {"version with two digits", HEAD("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), -400, NULL},
    {"version without a digit", HEAD("GET / HTTP/1.\r\nHost: a\r\n\r\n"), -400, NULL},
    {"HTTP/1.2", HEAD("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), -505, "not spoken"},
    {"HTTP/2.0", HEAD("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), -505, "not spoken"},
    {"HTTP/0.9 spelled out", HEAD("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), -505, "not spoken"},
    {"HTTP/2 preface", HEAD("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), -400, NULL},
    {"TLS hello", HEAD("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), -400, NULL},

    {"no Host in 1.1", HEAD("GET / HTTP/1.1\r\n\r\n"), -400, "RFC 9112 3.2"},
    {"two Hosts", HEAD("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), -400, "RFC 9112 3.2"},
    {"two Hosts in 1.0", HEAD("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"), -400,
     "RFC 9112 3.2"},
    {"space in Host", HEAD("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), -400, "RFC 9112 3.2"},
    {"path in Host", HEAD("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), -400, "RFC 9112 3.2"},
    {"user in Host", HEAD("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), -400, "RFC 9112 3.2"},
    {"space before the colon", HEAD("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), -400,
     "RFC 9112 5.1: request smuggling"},
    {"tab before the colon", HEAD("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"), -400, NULL},
    {"no name", HEAD("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"), -400, NULL},
    {"no colon", HEAD("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"), -400, NULL},
    {"folded line", HEAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"), -400,
     "RFC 9112 5.2: obsolete"},
    {"folded with a tab", HEAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n"), -400,
     "RFC 9112 5.2: obsolete"},
    {"space before the first header", HEAD("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), -400,
     "RFC 9112 2.2"},
    {"raw UTF-8 in a name", HEAD("GET / HTTP/1.1\r\nHost: a\r\n\xc3\xa9: b\r\n\r\n"), -400, NULL},

    {"two lengths",
     HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), -400,
     NULL},
    {"two equal lengths",
     HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n"), -400,
     NULL},
    {"list of lengths", HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n"), -400,
     NULL},
    {"length with a sign", HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n"), -400,
     NULL},
    {"negative length", HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"), -400,
     NULL},
    {"hexadecimal length", HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n"), -400,
     NULL},
    {"empty length", HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"), -400, NULL},
    {"length past 64 bits",
     HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"), -400,
     NULL},
    {"a coding that is not chunked",
     HEAD("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:\tidentity\r\n\r\n"), -400,
     "not offered"},
    {"chunked behind another coding",
     HEAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), -400,
     "not offered"},
    {"chunked twice",
     HEAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
          "chunked\r\n\r\n"),
     -400, "not offered"},
    {"chunked in HTTP/1.0", HEAD("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), -400,
     "not offered"},
    {"chunked and a length",
     HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
     -400, NULL},

    {"nothing", {NULL, 0}, 0, NULL},
    {"half a method", HEAD("GE"), 0, NULL},
    {"no end", HEAD("GET / HTTP/1.1\r\nHost: a\r\n"), 0, NULL},
    {"half an end", HEAD("GET / HTTP/1.1\r\nHost: a\r\n\r"), 0, NULL},
};

/* --- the second opinion ---------------------------------------------------------------------- */

struct opinion {
    struct http_request request; /* as far as http-parser collects it */
    bool value_open;
    bool complete;
};

static struct str extend(struct str s, const char *at, size_t len)
{
    return (struct str){s.len > 0 ? s.data : at, s.len + len};
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    struct opinion *opinion = parser->data;
    opinion->request.target = extend(opinion->request.target, at, len);
    return 0;
}

static int on_field(http_parser *parser, const char *at, size_t len)
{
    struct opinion *opinion = parser->data;
    struct http_request *request = &opinion->request;
    if (opinion->value_open || request->header_count == 0)
        request->headers[request->header_count++] = (struct http_header){{NULL, 0}, {NULL, 0}};
    opinion->value_open = false;
    struct http_header *header = &request->headers[request->header_count - 1];
    header->name = extend(header->name, at, len);
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct opinion *opinion = parser->data;
    struct http_header *header = &opinion->request.headers[opinion->request.header_count - 1];
    opinion->value_open = true;
    header->value = extend(header->value, at, len);
    return 0;
}

static int on_headers_complete(http_parser *parser)
{
    struct opinion *opinion = parser->data;
    opinion->complete = true;
    opinion->request.keep_alive = http_should_keep_alive(parser) != 0;
    opinion->request.minor_version = parser->http_minor;
    opinion->request.content_length =
        parser->content_length == UINT64_MAX ? 0 : parser->content_length;
    http_parser_pause(parser, 1);
    return 0;
}

/* > 0 accepted, 0 incomplete, < 0 refused. */
static int ask_http_parser(struct opinion *opinion, struct str bytes)
{
    const http_parser_settings settings = {
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_value = on_value,
        .on_headers_complete = on_headers_complete,
    };
    http_parser parser;
    *opinion = (struct opinion){0};
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = opinion;
    if (bytes.len > 0)
        http_parser_execute(&parser, &settings, bytes.data, bytes.len);
    if (opinion->complete)
        return 1;
    return HTTP_PARSER_ERRNO(&parser) == HPE_OK ? 0 : -1;
}

static void compare_slices(const struct http_request *ours, const struct http_request *theirs)
{
    ck_assert(str_equal(ours->target, theirs->target));
    ck_assert_int_eq(ours->minor_version, theirs->minor_version);
    ck_assert_int_eq(ours->keep_alive, theirs->keep_alive);
    ck_assert_uint_eq(ours->content_length, theirs->content_length);
    ck_assert_uint_eq(ours->header_count, theirs->header_count);
    for (size_t i = 0; i < ours->header_count; i++) {
        ck_assert(str_equal(ours->headers[i].name, theirs->headers[i].name));
        /* http-parser leaves spaces at the end of a value. */
        ck_assert(str_equal(ours->headers[i].value, str_trim(theirs->headers[i].value)));
    }
}

/* Every verdict is the expected one; http-parser gives the same, with the same slices, or we are
 * stricter for a reason that is written down. We never accept what it refuses. */
START_TEST(test_against_http_parser)
{
    for (size_t i = 0; i < COUNT(samples); i++) {
        const struct sample *sample = &samples[i];
        struct http_request request;
        struct opinion opinion;
        long expected = sample->expected == OK ? (long)sample->bytes.len : sample->expected;
        long ours = http_request_parse(&request, sample->bytes, MAX_HEAD);
        int theirs = ask_http_parser(&opinion, sample->bytes);
        ck_assert_msg(ours == expected, "%s: %ld, expected %ld", sample->name, ours, expected);
        if (sample->stricter) {
            ck_assert_msg(theirs >= 0, "%s: http-parser refuses it too", sample->name);
            continue;
        }
        ck_assert_msg((ours > 0) == (theirs > 0) && (ours < 0) == (theirs < 0),
                      "%s: ours %ld, http-parser's %d", sample->name, ours, theirs);
        if (ours > 0)
            compare_slices(&request, &opinion.request);
    }
}
END_TEST

/* A head that arrives byte by byte is incomplete until it gets the verdict that it gets at once,
 * and no byte behind the one that decides is read: each prefix is a heap block of its own length.
 */
START_TEST(test_byte_by_byte)
{
    for (size_t i = 0; i < COUNT(samples); i++) {
        const struct sample *sample = &samples[i];
        struct http_request request;
        long verdict = 0;
        for (size_t len = 0; len <= sample->bytes.len && verdict == 0; len++) {
            char *copy = malloc(len + (len == 0));
            if (len > 0)
                memcpy(copy, sample->bytes.data, len);
            verdict = http_request_parse(&request, (struct str){copy, len}, MAX_HEAD);
            if (verdict > 0)
                ck_assert_uint_eq((size_t)verdict, len);
            free(copy);
        }
        ck_assert_msg(verdict == http_request_parse(&request, sample->bytes, MAX_HEAD),
                      "%s: byte by byte %ld", sample->name, verdict);
    }
}
END_TEST

/* Whatever follows the head, a body or the next request, does not change it and is not counted. */
START_TEST(test_what_follows)
{
    static const char two[] =
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    struct str bytes = STR(two);
    struct http_request request;
    long first = http_request_parse(&request, bytes, MAX_HEAD);
    ck_assert_int_eq(first, (sizeof(two) - 1) / 2);
    ck_assert(str_equal(request.path, STR("/1")));
    bytes = (struct str){bytes.data + first, bytes.len - (size_t)first};
    ck_assert_int_eq(http_request_parse(&request, bytes, MAX_HEAD), first);
    ck_assert(str_equal(request.path, STR("/2")));
}
END_TEST

START_TEST(test_fields)
{
    struct http_request request;
    struct str bytes = STR("OPTIONS /a%20b?x=1&y HTTP/1.1\r\nhOsT: a\r\nX-Consumer-Id:  toto \r\n"
                           "x-consumer-id: tata\r\nContent-Length: 18446744073709551615\r\n\r\n");
    ck_assert_int_gt(http_request_parse(&request, bytes, MAX_HEAD), 0);
    ck_assert(str_equal(request.method, STR("OPTIONS")));
    ck_assert(str_equal(request.target, STR("/a%20b?x=1&y")));
    ck_assert(str_equal(request.path, STR("/a%20b")));
    ck_assert(str_equal(request.query, STR("x=1&y")));
    ck_assert_uint_eq(request.content_length, UINT64_MAX);
    ck_assert(str_equal(http_request_header(&request, STR("x-CONSUMER-id")), STR("toto")));
    ck_assert_ptr_null(http_request_header(&request, STR("X-Consumer")).data);

    bytes = STR("GET /? HTTP/1.0\r\n\r\n");
    ck_assert_int_gt(http_request_parse(&request, bytes, MAX_HEAD), 0);
    ck_assert(str_equal(request.path, STR("/")));
    ck_assert_ptr_nonnull(request.query.data);
    ck_assert_uint_eq(request.query.len, 0);
    ck_assert_uint_eq(request.content_length, 0);
    ck_assert_uint_eq(request.header_count, 0);

    bytes = STR("GET / HTTP/1.0\r\n\r\n");
    ck_assert_int_gt(http_request_parse(&request, bytes, MAX_HEAD), 0);
    ck_assert_ptr_null(request.query.data);

    bytes = STR("GET hTTp://a.example:80//b?c HTTP/1.0\r\n\r\n");
    ck_assert_int_gt(http_request_parse(&request, bytes, MAX_HEAD), 0);
    ck_assert(str_equal(request.path, STR("//b")));
    ck_assert(str_equal(request.query, STR("c")));
}
END_TEST

START_TEST(test_keep_alive)
{
    static const struct {
        struct str bytes;
        bool keep_alive;
    } cases[] = {
        {HEAD("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), true},
        {HEAD("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), false},
        {HEAD("GET / HTTP/1.1\r\nHost: a\r\nconnection: Upgrade , CLOSE\r\n\r\n"), false},
        {HEAD("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n"), false},
        {HEAD("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n"), true},
        {HEAD("GET / HTTP/1.0\r\n\r\n"), false},
        {HEAD("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true},
        {HEAD("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), false},
        {HEAD("GET / HTTP/1.0\r\nConnection:\r\n\r\n"), false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_request request;
        ck_assert_int_gt(http_request_parse(&request, cases[i].bytes, MAX_HEAD), 0);
        ck_assert_msg(request.keep_alive == cases[i].keep_alive, "case %zu", i);
    }
}
END_TEST

static size_t many_headers(char *out, size_t size, int count)
{
    size_t len = (size_t)snprintf(out, size, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 1; i < count; i++)
        len += (size_t)snprintf(out + len, size - len, "X-%d: %d\r\n", i, i);
    return len + (size_t)snprintf(out + len, size - len, "\r\n");
}

/* The last head that is allowed is allowed; one header, one byte more is not. */
START_TEST(test_limits)
{
    char bytes[4096];
    struct http_request request;
    size_t len = many_headers(bytes, sizeof(bytes), HTTP_HEADERS_MAX);
    struct str head = {bytes, len};
    ck_assert_int_eq(http_request_parse(&request, head, len), (long)len);
    ck_assert_uint_eq(request.header_count, HTTP_HEADERS_MAX);
    ck_assert_int_eq(http_request_parse(&request, head, len - 1), -431);
    ck_assert_int_eq(http_request_parse(&request, (struct str){bytes, len - 1}, len), 0);
    ck_assert_int_eq(http_request_parse(&request, (struct str){bytes, 0}, 0), -431);
    len = many_headers(bytes, sizeof(bytes), HTTP_HEADERS_MAX + 1);
    ck_assert_int_eq(http_request_parse(&request, (struct str){bytes, len}, MAX_HEAD), -431);
}
END_TEST

/* Any single byte changed in a good head: a verdict in bounds, and never more lenient than
 * http-parser. */
START_TEST(test_every_byte_flipped)
{
    struct str good = STR("GET /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX: y\r\n\r\n");
    struct http_request request;
    struct opinion opinion;
    char *bytes = malloc(good.len);
    for (size_t at = 0; at < good.len; at++) {
        for (int value = 0; value < 256; value++) {
            memcpy(bytes, good.data, good.len);
            bytes[at] = (char)value;
            long ours = http_request_parse(&request, (struct str){bytes, good.len}, MAX_HEAD);
            ck_assert_int_le(ours, (long)good.len);
            /* http-parser knows a fixed list of methods. */
            if (ours <= 0 || at < 3)
                continue;
            int theirs = ask_http_parser(&opinion, (struct str){bytes, good.len});
            ck_assert_msg(theirs > 0, "byte %zu = %d is accepted", at, value);
            compare_slices(&request, &opinion.request);
        }
    }
    free(bytes);
}
END_TEST

START_TEST(test_query)
{
    struct str query = STR("topic=comments&&topic=posts/123/comments&flag&a=b=c&=x&");
    static const struct {
        const char *name;
        const char *value; /* NULL: no '=' */
    } expected[] = {
        {"topic", "comments"},
        {"topic", "posts/123/comments"},
        {"flag", NULL},
        {"a", "b=c"},
        {"", "x"},
    };
    struct str name, value;
    for (size_t i = 0; i < COUNT(expected); i++) {
        ck_assert(http_query_next(&query, &name, &value));
        ck_assert(str_equal(name, str_from(expected[i].name)));
        ck_assert(str_equal(value, str_from(expected[i].value)));
        ck_assert_int_eq(value.data == NULL, expected[i].value == NULL);
    }
    ck_assert(!http_query_next(&query, &name, &value));
    ck_assert(!http_query_next(&query, &name, &value));
    query = (struct str){NULL, 0};
    ck_assert(!http_query_next(&query, &name, &value));
}
END_TEST

UNIT_SUITE("http/request", test_against_http_parser, test_byte_by_byte, test_what_follows,
           test_fields, test_keep_alive, test_limits, test_every_byte_flipped, test_query)
