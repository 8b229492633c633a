#include "http/request.h"
#include <errno.h>

/* What a byte may be part of. One table for the whole head: a single look-up a byte. */
enum byte_class {
    TOKEN = 1,  /* method, header name: RFC 9110 tchar */
    TARGET = 2, /* visible ASCII but '#': browsers send | ^ { } [ ] ` \ unescaped in a query */
    VALUE = 4,  /* visible ASCII, space, tab, and bytes of 0x80 and more (obs-text) */
    HOST = 8,   /* reg-name, IP literal and port */
    /* The combinations that occur, so that the table below stays readable. */
    IN_ALL = TOKEN | TARGET | VALUE | HOST,
    IN_HOST = TARGET | VALUE | HOST,
    IN_NAME = TOKEN | TARGET | VALUE,
    IN_PATH = TARGET | VALUE,
};

static const unsigned char classes[256] = {
    ['\t'] = VALUE,          [' '] = VALUE,           ['!'] = IN_ALL,
    ['"'] = IN_PATH,         ['#'] = TOKEN | VALUE,   ['$' ... '\''] = IN_ALL,
    ['(' ... ')'] = IN_HOST, ['*' ... '+'] = IN_ALL,  [','] = IN_HOST,
    ['-' ... '.'] = IN_ALL,  ['/'] = IN_PATH,         ['0' ... '9'] = IN_ALL,
    [':' ... ';'] = IN_HOST, ['<'] = IN_PATH,         ['='] = IN_HOST,
    ['>' ... '@'] = IN_PATH, ['A' ... 'Z'] = IN_ALL,  ['['] = IN_HOST,
    ['\\'] = IN_PATH,        [']'] = IN_HOST,         ['^'] = IN_NAME,
    ['_'] = IN_ALL,          ['`'] = IN_NAME,         ['a' ... 'z'] = IN_ALL,
    ['{'] = IN_PATH,         ['|'] = IN_NAME,         ['}'] = IN_PATH,
    ['~'] = IN_ALL,          [0x80 ... 0xff] = VALUE,
};

enum { DONE = 1, INCOMPLETE = HTTP_PARSE_INCOMPLETE, BAD = -400, TOO_LARGE = -431, VERSION = -505 };

/* Reads strictly forward and judges a byte when it comes to it: a head that arrives in pieces gets
 * the same verdict as one that arrives at once. */
struct scan {
    const char *at;
    const char *end;
};

/* What the headers said together, for the rules across them. */
struct facts {
    bool host;
    bool content_length;
    bool close;
    bool keep_alive;
};

static struct str scan_run(struct scan *scan, enum byte_class class)
{
    const char *start = scan->at;
    const char *at = start;
    while (at < scan->end && classes[(unsigned char)*at] & class)
        at++;
    scan->at = at;
    return (struct str){start, (size_t)(at - start)};
}

static int scan_text(struct scan *scan, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (scan->at == scan->end)
            return INCOMPLETE;
        if (*scan->at != text.data[i])
            return BAD;
        scan->at++;
    }
    return DONE;
}

/* A run of CLASS that is not empty, and the byte that ends it. */
static int scan_until(struct scan *scan, enum byte_class class, char stop, struct str *ret_run)
{
    struct str run = scan_run(scan, class);
    if (scan->at == scan->end)
        return INCOMPLETE;
    if (run.len == 0 || *scan->at != stop)
        return BAD;
    scan->at++;
    *ret_run = run;
    return DONE;
}

static int scan_digit(struct scan *scan, int *ret_digit)
{
    if (scan->at == scan->end)
        return INCOMPLETE;
    if (*scan->at < '0' || *scan->at > '9')
        return BAD;
    *ret_digit = *scan->at++ - '0';
    return DONE;
}

static int scan_version(struct scan *scan, struct http_request *request)
{
    int major, minor, result;
    if ((result = scan_text(scan, STR("HTTP/"))) != DONE ||
        (result = scan_digit(scan, &major)) != DONE ||
        (result = scan_text(scan, STR("."))) != DONE ||
        (result = scan_digit(scan, &minor)) != DONE ||
        (result = scan_text(scan, STR("\r\n"))) != DONE)
        return result;
    if (major != 1 || minor > 1)
        return VERSION;
    request->minor_version = minor;
    return DONE;
}

/* RFC 9112, 3.2.2: "http://host/path", as it is sent to proxies, is to be taken like "/path". */
static int scan_authority(struct scan *scan)
{
    struct str scheme = scan_run(scan, TOKEN);
    struct str host;
    int result = scan->at == scan->end ? INCOMPLETE : DONE;
    if (result == DONE && !str_equal_nocase(scheme, STR("http")) &&
        !str_equal_nocase(scheme, STR("https")))
        return BAD;
    if (result == DONE && (result = scan_text(scan, STR("://"))) == DONE &&
        (result = scan_until(scan, HOST, '/', &host)) == DONE)
        scan->at--; /* the slash is the path's */
    return result;
}

/* From the slash on. */
static int scan_target(struct scan *scan, struct http_request *request)
{
    const char *start = scan->at;
    int result = DONE;
    if (scan->at < scan->end && *scan->at != '/')
        result = scan_authority(scan);
    if (result != DONE || (result = scan_until(scan, TARGET, ' ', &request->path)) != DONE)
        return result;
    request->target = (struct str){start, (size_t)(scan->at - 1 - start)};
    request->query = request->path;
    request->path = str_cut(&request->query, '?');
    return DONE;
}

static int scan_request_line(struct scan *scan, struct http_request *request)
{
    int result;
    /* RFC 9112, 2.2: an empty line that an old client sent after the previous body. */
    if (scan->at < scan->end && *scan->at == '\r' &&
        (result = scan_text(scan, STR("\r\n"))) != DONE)
        return result;
    if ((result = scan_until(scan, TOKEN, ' ', &request->method)) != DONE ||
        (result = scan_target(scan, request)) != DONE)
        return result;
    return scan_version(scan, request);
}

static int judge_host(struct facts *facts, struct str value)
{
    struct scan scan = {value.data, value.data + value.len};
    if (facts->host || scan_run(&scan, HOST).len != value.len)
        return BAD;
    facts->host = true;
    return DONE;
}

static int judge_content_length(struct http_request *request, struct facts *facts, struct str value)
{
    uint64_t length = 0;
    if (facts->content_length || value.len == 0)
        return BAD;
    for (size_t i = 0; i < value.len; i++) {
        unsigned digit = (unsigned char)value.data[i] - (unsigned)'0';
        if (digit > 9 || length > (UINT64_MAX - digit) / 10)
            return BAD;
        length = length * 10 + digit;
    }
    facts->content_length = true;
    request->content_length = length;
    return DONE;
}

/* Both lengths, or one that another reader does not know, is how requests are smuggled. */
static int judge_transfer_encoding(struct http_request *request, struct str value)
{
    if (request->chunked || request->minor_version == 0 || !str_equal_nocase(value, STR("chunked")))
        return BAD;
    request->chunked = true;
    return DONE;
}

static int judge_connection(struct facts *facts, struct str value)
{
    while (value.data) {
        struct str option = str_trim(str_cut(&value, ','));
        if (str_equal_nocase(option, STR("close")))
            facts->close = true;
        else if (str_equal_nocase(option, STR("keep-alive")))
            facts->keep_alive = true;
    }
    return DONE;
}

/* The headers that say where this request ends and whether another one follows. */
static int judge_header(struct http_request *request, struct facts *facts,
                        const struct http_header *header)
{
    switch (header->name.len) {
    case sizeof("Host") - 1:
        if (str_equal_nocase(header->name, STR("Host")))
            return judge_host(facts, header->value);
        break;
    case sizeof("Connection") - 1:
        if (str_equal_nocase(header->name, STR("Connection")))
            return judge_connection(facts, header->value);
        break;
    case sizeof("Content-Length") - 1:
        if (str_equal_nocase(header->name, STR("Content-Length")))
            return judge_content_length(request, facts, header->value);
        break;
    case sizeof("Transfer-Encoding") - 1:
        if (str_equal_nocase(header->name, STR("Transfer-Encoding")))
            return judge_transfer_encoding(request, header->value);
        break;
    }
    return DONE;
}

static int scan_header(struct scan *scan, struct http_request *request, struct facts *facts)
{
    struct http_header header;
    int result;
    if (request->header_count == HTTP_HEADERS_MAX)
        return TOO_LARGE;
    /* A folded line or a space before the colon ends here: neither is part of a name. */
    if ((result = scan_until(scan, TOKEN, ':', &header.name)) != DONE)
        return result;
    header.value = scan_run(scan, VALUE);
    if ((result = scan_text(scan, STR("\r\n"))) != DONE)
        return result;
    header.value = str_trim(header.value);
    request->headers[request->header_count++] = header;
    return judge_header(request, facts, &header);
}

static int scan_head(struct scan *scan, struct http_request *request)
{
    struct facts facts = {0};
    int result = scan_request_line(scan, request);
    while (result == DONE) {
        if (scan->at == scan->end)
            return INCOMPLETE;
        if (*scan->at == '\r')
            break;
        result = scan_header(scan, request, &facts);
    }
    if (result != DONE || (result = scan_text(scan, STR("\r\n"))) != DONE)
        return result;
    if ((request->minor_version == 1 && !facts.host) || (request->chunked && facts.content_length))
        return BAD;
    request->keep_alive = !facts.close && (request->minor_version == 1 || facts.keep_alive);
    return DONE;
}

long http_request_parse(struct http_request *request, struct str bytes, size_t max_head)
{
    bool full = bytes.len >= max_head;
    size_t len = full ? max_head : bytes.len;
    if (len == 0)
        return full ? TOO_LARGE : INCOMPLETE;
    request->content_length = 0;
    request->chunked = false;
    request->header_count = 0;
    struct scan scan = {bytes.data, bytes.data + len};
    int result = scan_head(&scan, request);
    if (result == INCOMPLETE && full)
        return TOO_LARGE;
    return result == DONE ? scan.at - bytes.data : result;
}

struct str http_request_header(const struct http_request *request, struct str name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (str_equal_nocase(request->headers[i].name, name))
            return request->headers[i].value;
    return (struct str){NULL, 0};
}

bool http_query_next(struct str *query, struct str *ret_name, struct str *ret_value)
{
    while (query->data) {
        struct str value = str_cut(query, '&');
        if (value.len == 0)
            continue;
        *ret_name = str_cut(&value, '=');
        *ret_value = value;
        return true;
    }
    return false;
}
