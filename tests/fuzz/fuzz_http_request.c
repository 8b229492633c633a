/* Any bytes as the head of a request: every slice lies inside of it, and a head that arrives in
 * pieces gets the same answer as one that arrives at once. */
#include "base/percent.h"
#include "fuzz.h"
#include "http/request.h"

#include <errno.h>

#define EACH_PREFIX_UP_TO 256 /* beyond, one in seven: the time is quadratic */

static void check_query(struct str query)
{
    struct str name, value;
    struct str rest = query;

    while (http_query_next(&rest, &name, &value)) {
        struct buffer decoded;
        promise(is_inside(name, query));
        promise(is_inside(value, query));
        buffer_init(&decoded, value.len);
        int r = percent_decode(&decoded, value, true);
        promise(r == 0 || r == -EINVAL);
        promise(decoded.len <= value.len);
        promise(memchr(decoded.data != NULL ? decoded.data : "", '\0', decoded.len) == NULL);
        buffer_release(&decoded);
    }
}

static void check_slices(const struct http_request *request, struct str head)
{
    promise(is_inside(request->method, head) && request->method.len > 0);
    promise(is_inside(request->target, head) && request->target.len > 0);
    promise(is_inside(request->path, request->target));
    promise(is_inside(request->query, request->target));
    promise(request->minor_version == 0 || request->minor_version == 1);
    promise(request->header_count <= HTTP_HEADERS_MAX);
    for (size_t i = 0; i < request->header_count; i++) {
        promise(is_inside(request->headers[i].name, head) && request->headers[i].name.len > 0);
        promise(is_inside(request->headers[i].value, head));
        promise(memchr(request->headers[i].value.data, '\r', request->headers[i].value.len) ==
                NULL);
        promise(http_request_header(request, request->headers[i].name).data != NULL);
    }
    check_query(request->query);
}

/* The answer to the first LEN bytes, in memory of their own. */
static long parse_prefix(struct str bytes, size_t len, size_t max_head)
{
    struct http_request request = {0};
    struct str prefix = exact_copy(bytes.data, len);

    long answer = http_request_parse(&request, prefix, max_head);
    promise(answer == 0 || answer == -400 || answer == -431 || answer == -505 || answer > 0);
    promise(answer <= 0 || ((size_t)answer <= len && (size_t)answer <= max_head));
    if (answer > 0)
        check_slices(&request, (struct str){prefix.data, (size_t)answer});
    free_copy(prefix);
    return answer;
}

static void check(struct str bytes, size_t max_head)
{
    long whole = parse_prefix(bytes, bytes.len, max_head);
    long answer = 0;
    size_t len = 0;

    while (answer == 0 && len < bytes.len) {
        size_t step = len < EACH_PREFIX_UP_TO ? 1 : 7;
        len = bytes.len - len > step ? len + step : bytes.len;
        answer = parse_prefix(bytes, len, max_head);
    }
    promise(answer == whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};

    check(bytes, 8192);
    check(bytes, 64);
    return 0;
}
