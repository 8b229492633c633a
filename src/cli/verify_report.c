#include "cli/verify_report.h"
#include "cli/escape.h"
#include "event/type.h"
#include <inttypes.h>

#define LINE_MAX ((size_t)1 << 30)
#define VALUE_WIDTH 200 /* characters of a value that people see */

/* --- for people ------------------------------------------------------------------------------- */

static void put_value(struct buffer *out, const char *value)
{
    size_t start = out->len;
    escape_append(out, value ? str_from(value) : STR("NULL"));
    if (out->failed == 0)
        escape_cut(out, start, VALUE_WIDTH);
}

/* title=is->should; of a row that is missing or superfluous what it should be, or is. */
static void put_column(struct buffer *out, enum verdict_kind kind,
                       const struct verdict_column *column)
{
    buffer_append_char(out, ' ');
    escape_append(out, str_from(column->name));
    buffer_append_char(out, '=');
    if (kind != VERDICT_MISSING)
        put_value(out, column->is);
    if (kind == VERDICT_DIFFERS)
        buffer_append_str(out, STR("->"));
    if (kind != VERDICT_SUPERFLUOUS)
        put_value(out, column->should);
}

static void put_line(struct buffer *out, const struct verdict *v)
{
    escape_append(out, str_from(v->text));
    buffer_printf(out, ": %s", verdict_name(v->kind));
    if (v->why) {
        buffer_append_str(out, STR(": "));
        escape_append(out, str_from(v->why));
    } else if (v->column_count > 0) {
        buffer_append_char(out, ':');
        for (size_t i = 0; i < v->column_count; i++)
            put_column(out, v->kind, &v->columns[i]);
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void quote(struct buffer *out, const char *text)
{
    if (text)
        json_quote(out, str_from(text));
    else
        buffer_append_str(out, STR("null"));
}

static void put_column_json(struct buffer *out, enum verdict_kind kind,
                            const struct verdict_column *column)
{
    const char *separator = "";
    quote(out, column->name);
    buffer_append_str(out, STR(": {"));
    if (kind != VERDICT_MISSING) {
        buffer_append_str(out, STR("\"is\": "));
        quote(out, column->is);
        separator = ", ";
    }
    if (kind != VERDICT_SUPERFLUOUS) {
        buffer_printf(out, "%s\"should\": ", separator);
        quote(out, column->should);
    }
    buffer_append_char(out, '}');
}

static void put_json(struct buffer *out, const struct verdict *v)
{
    buffer_append_str(out, STR("{\"id\": "));
    quote(out, v->text);
    buffer_printf(out, ", \"verdict\": \"%s\"", verdict_name(v->kind));
    if (v->why) {
        buffer_append_str(out, STR(", \"why\": "));
        quote(out, v->why);
    }
    if (v->column_count > 0) {
        buffer_append_str(out, STR(", \"columns\": {"));
        for (size_t i = 0; i < v->column_count; i++) {
            buffer_append_str(out, i == 0 ? STR("") : STR(", "));
            put_column_json(out, v->kind, &v->columns[i]);
        }
        buffer_append_char(out, '}');
    }
    buffer_append_char(out, '}');
}

/* --- the way through ---------------------------------------------------------------------------
 */

void verify_report_begin(struct verify_report *r, const char *op, bool json)
{
    *r = (struct verify_report){.op = op, .json = json};
    buffer_init(&r->line, LINE_MAX);
    if (!json)
        return;
    quote(&r->line, op);
    printf("{\"operator\": %.*s, \"ids\": [", STR_ARG(buffer_str(&r->line)));
}

static uint64_t *counter_of(struct verify_report *r, enum verdict_kind kind)
{
    if (kind == VERDICT_PARKED)
        return &r->parked;
    return kind == VERDICT_UNDECIDED ? &r->undecided : &r->wrong;
}

int verify_report_id(struct verify_report *r, const struct verdict *v)
{
    if (v->kind == VERDICT_RIGHT)
        return 0;
    bool first = r->wrong + r->parked + r->undecided == 0;
    buffer_reset(&r->line);
    if (r->json)
        put_json(&r->line, v);
    else
        put_line(&r->line, v);
    if (r->line.failed != 0)
        return r->line.failed;
    if (r->json)
        fputs(first ? "\n  " : ",\n  ", stdout);
    fwrite(r->line.data, 1, r->line.len, stdout);
    if (!r->json)
        putchar('\n');
    ++*counter_of(r, v->kind);
    return 0;
}

static void print_summary(const struct verify_report *r)
{
    printf("operator %s: ok, %" PRIu64 " %s right", r->op, r->checked - r->parked - r->undecided,
           r->checked - r->parked - r->undecided == 1 ? "id is" : "ids are");
    if (r->parked > 0)
        printf(", %" PRIu64 " parked", r->parked);
    if (r->undecided > 0)
        printf(", %" PRIu64 " undecided", r->undecided);
    putchar('\n');
}

void verify_report_end(struct verify_report *r, bool complete)
{
    if (r->json)
        printf("%s], \"checked\": %" PRIu64 ", \"wrong\": %" PRIu64 ", \"parked\": %" PRIu64
               ", \"undecided\": %" PRIu64 ", \"complete\": %s}\n",
               r->wrong + r->parked + r->undecided > 0 ? "\n" : "", r->checked, r->wrong, r->parked,
               r->undecided, complete ? "true" : "false");
    else if (complete && r->wrong == 0)
        print_summary(r);
    buffer_release(&r->line);
}
