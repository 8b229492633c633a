#include "admin/metric.h"
#include <inttypes.h>
#include <stdbool.h>

/* In a help a quote is no special byte. */
static void append_escaped(struct buffer *out, const char *text, bool quoted)
{
    for (; *text; text++) {
        if (*text == '\\')
            buffer_append_str(out, STR("\\\\"));
        else if (*text == '\n')
            buffer_append_str(out, STR("\\n"));
        else if (*text == '"' && quoted)
            buffer_append_str(out, STR("\\\""));
        else
            buffer_append_char(out, *text);
    }
}

void metric_head(struct buffer *out, const struct metric *metric)
{
    buffer_printf(out, "# HELP %s ", metric->name);
    append_escaped(out, metric->help, false);
    buffer_printf(out, "\n# TYPE %s %s\n", metric->name, metric->type);
}

static void append_label(struct buffer *out, char before, const struct metric_label *label)
{
    if (!label->name)
        return;
    buffer_printf(out, "%c%s=\"", before, label->name);
    append_escaped(out, label->value, true);
    buffer_append_char(out, '"');
}

static void append_series(struct buffer *out, const struct metric *metric,
                          const struct metric_labels *labels)
{
    buffer_append_str(out, str_from(metric->name));
    if (labels) {
        append_label(out, '{', &labels->first);
        append_label(out, ',', &labels->second);
        buffer_append_char(out, '}');
    }
}

void metric_sample(struct buffer *out, const struct metric *metric,
                   const struct metric_labels *labels, uint64_t value)
{
    append_series(out, metric, labels);
    buffer_printf(out, " %" PRIu64 "\n", value);
}

void metric_sample_ms(struct buffer *out, const struct metric *metric,
                      const struct metric_labels *labels, uint64_t milliseconds)
{
    append_series(out, metric, labels);
    buffer_printf(out, " %" PRIu64 ".%03u\n", milliseconds / 1000, (unsigned)(milliseconds % 1000));
}

void metric_single(struct buffer *out, const struct metric *metric, uint64_t value)
{
    metric_head(out, metric);
    metric_sample(out, metric, NULL, value);
}

void metric_single_ms(struct buffer *out, const struct metric *metric, uint64_t milliseconds)
{
    metric_head(out, metric);
    metric_sample_ms(out, metric, NULL, milliseconds);
}
