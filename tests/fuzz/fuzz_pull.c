/* Any query, in the first line, and any Accept headers, in the others: a form is chosen, and what a
 * pull may ask for is within its limits or refused by name. */
#include "api/accept.h"
#include "api/pull_query.h"
#include "api/resume.h"
#include "fuzz.h"

#include <errno.h>

static void check_query(struct str query)
{
    struct pull_query parsed = {0};
    struct error err = {0};

    int r = pull_query_parse(&parsed, query, &err);
    promise(r == 0 || r == -EINVAL);
    if (r == 0)
        promise(parsed.limit >= 1 && parsed.limit <= PULL_LIMIT_MAX &&
                parsed.wait_ms <= PULL_WAIT_MAX_MS);
    else
        promise(strstr(err.text, "\"limit\"") != NULL || strstr(err.text, "\"wait\"") != NULL);
}

static void check_resume(const struct http_request *request)
{
    static const struct resume_range range = {"7f3a91c2", false, {0x100, 1}, {0x200, 3}, 0x280};
    struct buffer scratch;
    struct str id;

    buffer_init(&scratch, 256);
    if (resume_id(request, &scratch, &id)) {
        struct resume resume = resume_decide(id, &range);
        promise(id.len > 0);
        promise(resume.kind != RESUME_AFTER || resume.after.lsn <= range.given);
    }
    buffer_release(&scratch);
}

/* What is named exactly, without a q, is as good as anything, and comes first. */
static void check_accept(struct http_request *request)
{
    enum form form = accept_form(request);

    promise(form >= 0 && form <= FORM_NONE);
    request->headers[request->header_count++] =
        (struct http_header){STR("accept"), STR("text/event-stream")};
    promise(accept_form(request) == FORM_SSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = exact_copy(data, size);
    struct str rest = text;
    struct http_request request = {.query = str_cut(&rest, '\n')};

    while (rest.data != NULL && request.header_count < HTTP_HEADERS_MAX - 1)
        request.headers[request.header_count++] =
            (struct http_header){STR("Accept"), str_trim(str_cut(&rest, '\n'))};
    check_query(request.query);
    check_resume(&request);
    check_accept(&request);
    free_copy(text);
    return 0;
}
