/* Any bytes as a chunked body: bounded, and one that arrives in pieces is decoded as one that
 * arrives at once, to the same end. */
#include "fuzz.h"
#include "http/chunked.h"

#include <errno.h>

#define BODY_MAX 4096

/* The answer, and how many bytes were taken. */
static int decode(struct str text, size_t step, struct buffer *out, size_t *ret_taken)
{
    struct chunked chunked = {0};
    int answer = 0;
    size_t at = 0;

    buffer_init(out, BODY_MAX);
    while (answer == 0 && at < text.len) {
        size_t len = text.len - at < step ? text.len - at : step;
        struct str copy = exact_copy(text.data + at, len);
        struct str rest = copy;
        answer = chunked_take(&chunked, &rest, out);
        promise(rest.len < len && rest.data == copy.data + (len - rest.len));
        at += len - rest.len;
        free_copy(copy);
    }
    promise(out->len <= BODY_MAX && out->len <= at);
    *ret_taken = at;
    return answer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct buffer whole, pieces;
    size_t whole_len, pieces_len;

    int answer = decode(text, size, &whole, &whole_len);
    promise(answer == 0 || answer == 1 || answer == -EBADMSG || answer == -EMSGSIZE);
    promise(decode(text, 1, &pieces, &pieces_len) == answer && pieces_len == whole_len);
    promise(str_equal(buffer_str(&whole), buffer_str(&pieces)));
    buffer_release(&whole);
    buffer_release(&pieces);
    return 0;
}
