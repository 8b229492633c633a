#include "api/resume.h"

#include "base/percent.h"
#include "event/id.h"

bool resume_names_the_id(struct str parameter)
{
    return str_equal(parameter, STR("after")) || str_equal(parameter, STR("last_event_id")) ||
           str_equal(parameter, STR("lastEventId"));
}

bool resume_id(const struct http_request *request, struct buffer *scratch, struct str *ret_id)
{
    struct str query = request->query;
    struct str name, value;
    struct str header = http_request_header(request, STR("Last-Event-ID"));

    if (header.len > 0) {
        *ret_id = header;
        return true;
    }
    while (http_query_next(&query, &name, &value)) {
        if (!resume_names_the_id(name))
            continue;
        buffer_reset(scratch);
        /* A broken escape, or what is too long, stays as it is: no id looks like that, and the
         * client is told. */
        if (percent_decode(scratch, value, true) == 0)
            value = buffer_str(scratch);
        if (value.len > 0) {
            *ret_id = value;
            return true;
        }
    }
    return false;
}

struct resume resume_decide(struct str text, const struct resume_range *range)
{
    const struct resume live = {.kind = RESUME_LIVE};
    const struct resume unknown = {.kind = RESUME_RESET, .reason = RESET_UNKNOWN};
    struct event_id id;

    if (str_equal(text, STR("latest")))
        return live;
    if (str_equal(text, STR("earliest")))
        return (struct resume){RESUME_AFTER,
                               range->empty ? range->newest : position_before(range->oldest), 0};
    if (event_id_parse(&id, text) < 0)
        return unknown;
    if (strcmp(id.epoch, range->epoch) != 0)
        return (struct resume){.kind = RESUME_RESET, .reason = RESET_EPOCH};
    if (position_compare(id.position, range->newest) > 0 && id.position.lsn > range->given)
        return unknown;
    return (struct resume){RESUME_AFTER, id.position, 0};
}

const char *reset_reason_name(enum reset_reason reason)
{
    switch (reason) {
    case RESET_EXPIRED:
    case RESET_DAMAGED: /* for the client the same: it is not there any more */
        return "expired";
    case RESET_EPOCH:
        return "epoch";
    case RESET_UNKNOWN:
        break;
    }
    return "unknown";
}
