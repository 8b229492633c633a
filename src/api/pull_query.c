#include "api/pull_query.h"

#include "base/percent.h"
#include "http/request.h"

#include <errno.h>

#define VALUE_MAX 32

static int parse_limit(struct str text, unsigned *ret_limit)
{
    int64_t limit;

    if (str_to_int64(text, &limit) < 0 || limit < 1 || limit > PULL_LIMIT_MAX)
        return -EINVAL;
    *ret_limit = (unsigned)limit;
    return 0;
}

/* The digits of TEXT as milliseconds: the first one is worth UNIT, the next a tenth of it. What is
 * less than a millisecond is cut off. */
static int parse_fraction(struct str text, unsigned unit, unsigned *ret_ms)
{
    unsigned ms = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -EINVAL;
        ms += (unsigned)(text.data[i] - '0') * unit;
        unit /= 10;
    }
    *ret_ms = ms;
    return 0;
}

/* Seconds: "5", "0.25", ".5". */
static int parse_wait(struct str text, unsigned *ret_ms)
{
    struct str fraction = text;
    struct str whole = str_cut(&fraction, '.');
    int64_t seconds = 0;
    unsigned ms;

    if (whole.len + fraction.len == 0 || parse_fraction(fraction, 100, &ms) < 0)
        return -EINVAL;
    if (whole.len > 0 && (whole.data[0] == '-' || str_to_int64(whole, &seconds) < 0))
        return -EINVAL;
    if (seconds > PULL_WAIT_MAX_MS / 1000 || seconds * 1000 + ms > PULL_WAIT_MAX_MS)
        return -EINVAL;
    *ret_ms = (unsigned)(seconds * 1000) + ms;
    return 0;
}

bool pull_query_names(struct str parameter)
{
    return str_equal(parameter, STR("limit")) || str_equal(parameter, STR("wait"));
}

static int parse_value(struct pull_query *query, struct str name, struct str encoded,
                       struct error *err)
{
    bool is_limit = str_equal(name, STR("limit"));
    struct buffer value;
    int status;

    buffer_init(&value, VALUE_MAX);
    status = percent_decode(&value, encoded, true);
    if (status == 0)
        status = is_limit ? parse_limit(buffer_str(&value), &query->limit)
                          : parse_wait(buffer_str(&value), &query->wait_ms);
    buffer_release(&value);
    if (status < 0)
        return error_set(err, -EINVAL, "Parameter \"%s\" must be %s", is_limit ? "limit" : "wait",
                         is_limit ? "a whole number from 1 to 10000"
                                  : "a number of seconds from 0 to 60");
    return 0;
}

int pull_query_parse(struct pull_query *ret, struct str query, struct error *err)
{
    struct pull_query parsed = {.limit = PULL_LIMIT_DEFAULT};
    struct str name, value;

    while (http_query_next(&query, &name, &value)) {
        if (pull_query_names(name) && parse_value(&parsed, name, value, err) < 0)
            return -EINVAL;
    }
    *ret = parsed;
    return 0;
}
