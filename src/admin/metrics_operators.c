/* GET /metrics: the operators, each under its name in the configuration. */
#include "admin/internal.h"
#include "admin/metric.h"

struct row {
    struct metric metric;
    size_t counter; /* of struct operator_counters */
};

#define ROW(name, type, help, member)                                                              \
    {                                                                                              \
        {name, type, help}, offsetof(struct operator_counters, member)                             \
    }

static const struct row rows[] = {
    ROW("walpiper_operator_applied_lsn", "gauge",
        "All up to there is in the read model; 0: not known yet.", applied_lsn),
    ROW("walpiper_operator_events_total", "counter", "Events read from the journal.", events),
    ROW("walpiper_operator_batches_total", "counter", "Batches stored.", batches),
    ROW("walpiper_operator_failures_total", "counter",
        "Batches and single ids whose query failed for their data.", failures),
    ROW("walpiper_operator_nulls_total", "counter", "Events whose id is NULL.", nulls),
    ROW("walpiper_operator_dirty", "gauge", "Ids that are read and not applied yet.", dirty),
    ROW("walpiper_operator_parked", "gauge", "Ids that are set aside.", parked),
    ROW("walpiper_operator_rebuilding", "gauge", "1 while every id is computed anew.", rebuilding),
    ROW("walpiper_operator_rebuild_step", "gauge",
        "Of a rebuild: 0 for the target's ids, then the number of the source.", rebuild_step),
};

static void append_row(const struct admin *admin, const struct row *row, struct buffer *out)
{
    const struct config *config = admin->context.config;

    metric_head(out, &row->metric);
    for (size_t i = 0; i < config->operator_count; i++) {
        const struct metric_labels labels = {{"operator", config->operators[i].name}, {0}};
        metric_sample(out, &row->metric, &labels,
                      counter_read_at(&admin->context.operators[i], row->counter));
    }
}

static void append_lags(const struct admin *admin, struct buffer *out)
{
    static const struct metric bytes = {"walpiper_operator_lag_bytes", "gauge",
                                        "WAL of the server that is not in the read model yet."};
    static const struct metric seconds = {
        "walpiper_operator_lag_seconds", "gauge",
        "For how long the read model has not had all that the server had."};
    const struct config *config = admin->context.config;

    metric_head(out, &bytes);
    for (size_t i = 0; i < config->operator_count; i++)
        metric_sample(out, &bytes,
                      &(struct metric_labels){.first = {"operator", config->operators[i].name}},
                      admin_operator_lag_bytes(admin, i));
    metric_head(out, &seconds);
    for (size_t i = 0; i < config->operator_count; i++)
        metric_sample_ms(out, &seconds,
                         &(struct metric_labels){.first = {"operator", config->operators[i].name}},
                         admin_operator_lag_ms(admin, i));
}

static void append_states(const struct admin *admin, struct buffer *out)
{
    static const struct metric info = {"walpiper_operator_info", "gauge",
                                       "What the operator does; 1."};
    const struct config *config = admin->context.config;

    metric_head(out, &info);
    for (size_t i = 0; i < config->operator_count; i++) {
        const char *state =
            atomic_load_explicit(&admin->context.operators[i].state, memory_order_relaxed);
        const struct metric_labels labels = {{"operator", config->operators[i].name},
                                             {"state", state ? state : ""}};
        metric_sample(out, &info, &labels, 1);
    }
}

void metrics_of_operators(const struct admin *admin, struct buffer *out)
{
    if (admin->context.config->operator_count == 0)
        return;
    append_states(admin, out);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        append_row(admin, &rows[i], out);
    append_lags(admin, out);
}
