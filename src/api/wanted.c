#include "api/wanted.h"

#include "api/pull_query.h"
#include "api/resume.h"
#include "base/percent.h"

#include <errno.h>

/* What the filters of a request come to when they are compiled, for each of its tables anew: a
 * subscriber keeps it. */
#define CONDITIONS_MAX (1u << 20)

#define NAME_ARG(name) STR_ARG(str_truncate(name, 64))

/* A filter on a column, decoded. */
struct wanted_parameter {
    struct str name, value;
    bool used; /* some table has the column */
};

struct wanted_filter {
    struct table_name table;
    struct buffer conditions;
    struct filter filter;
};

/* What all of it is read from. */
struct wanted_from {
    const struct feed_tables *tables;
    const struct api_request *request;
    enum form form;
};

static int no_memory(struct error *err)
{
    return error_set(err, -ENOMEM, "Out of memory");
}

/* --- parameters ------------------------------------------------------------------------------ */

/* At least as many as there are segments in the topics of QUERY. */
static size_t count_segments(struct str query)
{
    size_t count = 1;

    for (size_t i = 0; i < query.len; i++)
        count += query.data[i] == '&' || query.data[i] == '/' || query.data[i] == '%';
    return count;
}

static const struct config *config_of(const struct wanted_from *from)
{
    return from->request->access.context->config;
}

static size_t at_most(size_t count, size_t max)
{
    return count < max ? count : max;
}

/* All are decoded into bytes that are there already: topics twice. */
static int make_room(struct wanted *wanted, const struct wanted_from *from, struct error *err)
{
    const struct config *config = config_of(from);
    struct str query = from->request->http->query;
    struct str name, value;
    size_t parameters = 0;

    buffer_init(&wanted->bytes, 2 * query.len + 1);
    for (struct str rest = query; http_query_next(&rest, &name, &value);)
        parameters++;
    size_t topics = at_most(parameters + 1, config->http.max_topics);
    size_t filters = at_most(parameters, config->http.max_filters) + 1; /* not of nothing */
    wanted->subscriptions = calloc(topics, sizeof(*wanted->subscriptions));
    wanted->parameters = calloc(filters, sizeof(*wanted->parameters));
    wanted->filters = calloc(topics, sizeof(*wanted->filters));
    wanted->segments = calloc(count_segments(query), sizeof(*wanted->segments));
    if (wanted->subscriptions == NULL || wanted->parameters == NULL || wanted->filters == NULL ||
        wanted->segments == NULL || buffer_reserve(&wanted->bytes, wanted->bytes.max) == NULL)
        return no_memory(err);
    return 0;
}

static int decode(struct wanted *wanted, struct str encoded, bool form, struct str *ret,
                  struct error *err)
{
    size_t from = wanted->bytes.len;

    if (percent_decode(&wanted->bytes, encoded, form) < 0)
        return error_set(err, -EINVAL, "\"%.*s\" is not well percent-encoded", NAME_ARG(encoded));
    *ret = (struct str){wanted->bytes.data + from, wanted->bytes.len - from};
    return 0;
}

/* Whether it is granted comes before whether there is such a topic. */
static int add_topic(struct wanted *wanted, const struct wanted_from *from,
                     const struct str *segments, size_t count, struct error *err)
{
    struct subscription *subscription = &wanted->subscriptions[wanted->count];

    unsigned max = config_of(from)->http.max_topics;

    if (wanted->count == max)
        return error_set(err, -EINVAL,
                         "A request may have %u topics (http.max_topics); open another for the "
                         "rest",
                         max);
    if (topic_parse(&subscription->topic, segments, count, err) < 0)
        return -EINVAL;
    if (!access_topic(&from->request->access, segments, count))
        return -EACCES;
    if (feed_tables_check(from->tables, &subscription->topic, err) < 0)
        return -EINVAL;
    wanted->count++;
    return 0;
}

/* A topic as it stands in a path: its segments are encoded in it once more. */
static int parse_topic(struct wanted *wanted, const struct wanted_from *from, struct str path,
                       struct error *err)
{
    const struct str *segments = wanted->segments + wanted->segment_count;
    size_t count = 0;
    int status = 0;

    for (; path.data != NULL && status == 0; count++) {
        struct str segment = str_cut(&path, '/');
        status = decode(wanted, segment, false, &wanted->segments[wanted->segment_count++], err);
    }
    return status < 0 ? status : add_topic(wanted, from, segments, count, err);
}

/* Those of resume, pull and access are read elsewhere. */
static int check_other(const struct wanted_from *from, struct str name, bool *ret_is_other,
                       struct error *err)
{
    *ret_is_other = resume_names_the_id(name) || pull_query_names(name) ||
                    access_names_the_token(&from->request->access, name);
    if (pull_query_names(name) && from->form != FORM_JSON)
        return error_set(err, -EINVAL, "Parameter \"%.*s\" is for Accept: application/json",
                         STR_ARG(name));
    return 0;
}

static int parse_parameter(struct wanted *wanted, const struct wanted_from *from,
                           const struct wanted_parameter *parameter, struct error *err)
{
    if (str_equal(parameter->name, STR("topic")))
        return parse_topic(wanted, from, parameter->value, err);
    if (str_equal(parameter->name, STR("types")))
        return filter_parse_types(&wanted->types, parameter->value, err);
    unsigned max = config_of(from)->http.max_filters;
    if (wanted->parameter_count == max)
        return error_set(err, -EINVAL, "A request may have %u filters (http.max_filters)", max);
    wanted->parameters[wanted->parameter_count++] = *parameter;
    return 0;
}

static int parse_query(struct wanted *wanted, const struct wanted_from *from, struct error *err)
{
    struct str query = from->request->http->query;
    struct str name, value;
    bool is_other;
    int status = 0;

    while (status == 0 && http_query_next(&query, &name, &value)) {
        struct wanted_parameter parameter = {0};
        status = check_other(from, name, &is_other, err);
        if (status < 0 || is_other)
            continue;
        status = decode(wanted, name, true, &parameter.name, err);
        if (status == 0)
            status = decode(wanted, value, true, &parameter.value, err);
        if (status == 0)
            status = parse_parameter(wanted, from, &parameter, err);
    }
    return status;
}

/* --- filters --------------------------------------------------------------------------------- */

static int compile_one(struct wanted_filter *filter, const struct feed_tables *tables,
                       struct wanted_parameter *parameter, struct error *err)
{
    uint32_t type_oid;
    int status = -EAGAIN;

    if (tables->marked != NULL)
        status = marked_column_type(tables->marked, filter->table.schema, filter->table.table,
                                    parameter->name, &type_oid);
    if (status == -ENOENT)
        return 0;
    if (status < 0)
        return error_set(err, status, "The columns of \"%.*s\" are not known yet; try again",
                         NAME_ARG(filter->table.table));
    parameter->used = true;
    return filter_compile(&filter->conditions, parameter->name, type_oid, parameter->value, err);
}

static int compile(struct wanted *wanted, const struct feed_tables *tables,
                   struct wanted_filter *filter, struct error *err)
{
    int status = 0;

    buffer_init(&filter->conditions, CONDITIONS_MAX - wanted->conditions_bytes);
    for (size_t i = 0; i < wanted->parameter_count && status == 0; i++)
        status = compile_one(filter, tables, &wanted->parameters[i], err);
    if (status == -EMSGSIZE)
        return error_set(err, -EINVAL,
                         "The filters are too long, or for too many tables; open another stream "
                         "for some of them");
    wanted->conditions_bytes += filter->conditions.len;
    filter->filter = (struct filter){wanted->types, buffer_str(&filter->conditions)};
    return status;
}

static struct wanted_filter *find_filter(const struct wanted *wanted, struct table_name table)
{
    for (size_t i = wanted->filter_count; i > 0; i--) {
        if (table_name_equal(wanted->filters[i - 1].table, table))
            return &wanted->filters[i - 1];
    }
    return NULL;
}

static int compile_all(struct wanted *wanted, const struct feed_tables *tables, struct error *err)
{
    int status = 0;

    for (size_t i = 0; i < wanted->count && status == 0; i++) {
        struct table_name table = wanted->subscriptions[i].topic.table;
        struct wanted_filter *filter = find_filter(wanted, table);
        if (filter == NULL) {
            filter = &wanted->filters[wanted->filter_count++];
            filter->table = table;
            status = compile(wanted, tables, filter, err);
        }
        wanted->subscriptions[i].filter = &filter->filter;
    }
    return status;
}

/* Any name may be that of a column: none may be ignored. */
static int check_used(const struct wanted *wanted, struct error *err)
{
    for (size_t i = 0; i < wanted->parameter_count; i++) {
        if (!wanted->parameters[i].used)
            return error_set(err, -EINVAL,
                             "\"%.*s\" is neither a parameter nor a column of \"%.*s\"%s",
                             NAME_ARG(wanted->parameters[i].name),
                             NAME_ARG(wanted->subscriptions[0].topic.table.table),
                             wanted->filter_count > 1 ? " or of another table asked for" : "");
    }
    return 0;
}

/* --- the outside ----------------------------------------------------------------------------- */

int wanted_parse(struct wanted *ret, const struct feed_tables *tables,
                 const struct api_request *request, enum form form, struct error *err)
{
    const struct wanted_from from = {tables, request, form};

    *ret = (struct wanted){.types = FILTER_ALL_TYPES};
    int status = make_room(ret, &from, err);
    if (status == 0 && request->segment_count > 1)
        status = add_topic(ret, &from, request->segments + 1, request->segment_count - 1, err);
    if (status == 0)
        status = parse_query(ret, &from, err);
    if (status == 0 && ret->count == 0)
        return error_set(err, -EINVAL, "No topic: write /streams/TOPIC or /streams?topic=TOPIC");
    if (status < 0 || (ret->parameter_count == 0 && ret->types == FILTER_ALL_TYPES))
        return status;
    status = compile_all(ret, tables, err);
    return status < 0 ? status : check_used(ret, err);
}

void wanted_release(struct wanted *wanted)
{
    for (size_t i = 0; i < wanted->filter_count; i++)
        buffer_release(&wanted->filters[i].conditions);
    free(wanted->filters);
    free(wanted->segments);
    free(wanted->parameters);
    free(wanted->subscriptions);
    buffer_release(&wanted->bytes);
}
