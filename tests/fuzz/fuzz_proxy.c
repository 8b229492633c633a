/* Any bytes as the header of a proxy: it is read to its end and not beyond, and a header that
 * arrives in pieces gets the same answer as one that arrives at once. */
#include "fuzz.h"
#include "http/proxy.h"

#include <errno.h>

/* The answer to the first LEN bytes, in memory of their own. */
static long parse_prefix(struct str bytes, size_t len)
{
    struct address client = {0};
    struct str prefix = exact_copy(bytes.data, len);

    long answer = http_proxy_parse(prefix, &client);
    promise(answer == -EINVAL || answer == HTTP_PROXY_INCOMPLETE || answer > 0);
    promise(answer <= 0 || ((size_t)answer <= len && (size_t)answer <= HTTP_PROXY_MAX));
    promise(answer > 0 || client.kind == ADDRESS_UNKNOWN);
    promise(answer != HTTP_PROXY_INCOMPLETE || len < HTTP_PROXY_MAX);
    free_copy(prefix);
    return answer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    long whole = parse_prefix(bytes, bytes.len);
    long answer = HTTP_PROXY_INCOMPLETE;

    for (size_t len = 0; answer == HTTP_PROXY_INCOMPLETE && len <= bytes.len; len++)
        answer = parse_prefix(bytes, len);
    promise(answer == whole);
    return 0;
}
