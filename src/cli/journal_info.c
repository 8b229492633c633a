#include "base/lsn.h"
#include "cli/journal.h"
#include "event/id.h"
#include "event/iso_time.h"
#include "journal/survey.h"
#include <inttypes.h>
#include <jansson.h>

enum { SIZE_TEXT_MAX = 32, TIME_TEXT_MAX = ISO_TIME_MAX + 1, DURATION_TEXT_MAX = 32 };

static const char *time_text(int64_t time_us, char text[TIME_TEXT_MAX])
{
    *put_iso_time(text, time_us) = '\0';
    return text;
}

/* As sizes are written in the configuration, rounded to three digits. */
static const char *size_text(uint64_t bytes, char text[SIZE_TEXT_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;
    while (size >= 1024 && unit < 4) {
        size /= 1024;
        unit++;
    }
    snprintf(text, SIZE_TEXT_MAX, unit > 0 && size < 100 ? "%.1f %s" : "%.0f %s", size,
             units[unit]);
    return text;
}

static const char *duration_text(uint64_t us, char text[DURATION_TEXT_MAX])
{
    static const struct {
        uint64_t us;
        const char *name;
    } units[] = {{UINT64_C(86400000000), "d"},
                 {UINT64_C(3600000000), "h"},
                 {60000000, "m"},
                 {1000000, "s"},
                 {1000, "ms"},
                 {1, "us"}};
    size_t i = 0;
    while (i + 1 < sizeof(units) / sizeof(units[0]) && us % units[i].us != 0)
        i++;
    snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 "%s", us / units[i].us, units[i].name);
    return text;
}

/* --- lines ------------------------------------------------------------------------------- */

static void print_end(const char *name, const struct survey *survey, struct position position,
                      int64_t time_us)
{
    char id[EVENT_ID_MAX], time[TIME_TEXT_MAX];
    if (survey->records == 0)
        printf("%-10s none\n", name);
    else
        printf("%-10s %s, kept since %s\n", name,
               event_id_format(survey->identity.epoch, position, id), time_text(time_us, time));
}

static void print_retention(const struct config *config, const struct survey *survey)
{
    char used[SIZE_TEXT_MAX], most[SIZE_TEXT_MAX], file[SIZE_TEXT_MAX], age[DURATION_TEXT_MAX];
    printf("records    %" PRIu64 " in %" PRIu64 " blocks\n", survey->records, survey->blocks);
    printf("size       %s, in a file of %s\n", size_text(survey->bytes, used),
           size_text(survey->file_bytes, file));
    printf("retention  %s, %s\n",
           config->journal.retention_bytes > 0 ? size_text(config->journal.retention_bytes, most)
                                               : "any size",
           config->journal.retention_age_us > 0
               ? duration_text(config->journal.retention_age_us, age)
               : "any age");
}

static void print_holds(const struct survey *survey)
{
    char id[EVENT_ID_MAX];
    for (size_t i = 0; i < survey->hold_count; i++) {
        const struct survey_hold *hold = &survey->holds[i];
        printf("hold       %s after %s, %" PRIu64 " records behind\n", hold->name,
               event_id_format(survey->identity.epoch, hold->position, id), hold->records);
    }
    if (survey->hold_count == 0)
        printf("hold       none\n");
}

static void print_lines(const struct config *config, const struct survey *survey)
{
    const struct journal_identity *identity = &survey->identity;
    char lsn[LSN_TEXT_MAX];
    printf("journal    %s\n", config->journal.path);
    printf("format     %s\n", survey->format);
    printf("service    %s\n", survey->in_use ? "has it open" : "does not run");
    if (identity->epoch[0] == '\0') {
        printf("epoch      none yet: nothing was captured\n");
        return;
    }
    printf("epoch      %s\n", identity->epoch);
    printf("source     cluster %" PRIu64 ", timeline %u, database %s, slot %s\n",
           identity->system_identifier, identity->timeline, identity->database, identity->slot);
    print_end("first", survey, survey->first, survey->first_time_us);
    print_end("last", survey, survey->last, survey->last_time_us);
    print_retention(config, survey);
    printf("durable    %s\n", lsn_format(survey->durable, lsn));
    print_holds(survey);
}

/* --- JSON -------------------------------------------------------------------------------- */

static json_t *end_json(const struct survey *survey, struct position position, int64_t time_us)
{
    char id[EVENT_ID_MAX], time[TIME_TEXT_MAX];
    if (survey->records == 0)
        return json_null();
    return json_pack("{s:s, s:s}", "id", event_id_format(survey->identity.epoch, position, id),
                     "kept_since", time_text(time_us, time));
}

static json_t *holds_json(const struct survey *survey)
{
    json_t *list = json_array();
    for (size_t i = 0; i < survey->hold_count; i++) {
        const struct survey_hold *hold = &survey->holds[i];
        char id[EVENT_ID_MAX];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:I}", "name", hold->name, "after",
                                        event_id_format(survey->identity.epoch, hold->position, id),
                                        "records_behind", (json_int_t)hold->records));
    }
    return list;
}

/* A cluster's identifier has 64 bits without a sign, as text as in pg_control_system(). */
static json_t *source_json(const struct journal_identity *identity)
{
    char cluster[24];
    snprintf(cluster, sizeof(cluster), "%" PRIu64, identity->system_identifier);
    return json_pack("{s:s, s:I, s:s, s:s}", "cluster", cluster, "timeline",
                     (json_int_t)identity->timeline, "database", identity->database, "slot",
                     identity->slot);
}

static json_t *survey_json(const struct config *config, const struct survey *survey)
{
    char lsn[LSN_TEXT_MAX];
    bool filled = survey->identity.epoch[0] != '\0';
    return json_pack(
        "{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:{s:I, s:I}, s:s, s:o}", "path",
        config->journal.path, "format", survey->format, "in_use", survey->in_use, "epoch",
        filled ? json_string(survey->identity.epoch) : json_null(), "source",
        filled ? source_json(&survey->identity) : json_null(), "first",
        end_json(survey, survey->first, survey->first_time_us), "last",
        end_json(survey, survey->last, survey->last_time_us), "records",
        (json_int_t)survey->records, "blocks", (json_int_t)survey->blocks, "bytes",
        (json_int_t)survey->bytes, "file_bytes", (json_int_t)survey->file_bytes, "retention",
        "bytes", (json_int_t)config->journal.retention_bytes, "age_ms",
        (json_int_t)(config->journal.retention_age_us / 1000), "durable_lsn",
        lsn_format(survey->durable, lsn), "holds", holds_json(survey));
}

static enum cli_exit print_json(const struct config *config, const struct survey *survey)
{
    json_t *object = survey_json(config, survey);
    int rc = object ? json_dumpf(object, stdout, JSON_INDENT(2)) : -1;
    json_decref(object);
    if (rc != 0)
        return cli_fail(CLI_FAILED, "journal %s: what is in it cannot be written as JSON",
                        config->journal.path);
    putchar('\n');
    return CLI_DONE;
}

enum cli_exit journal_info(const struct config *config, bool json)
{
    struct survey survey;
    struct error err = {0};
    enum cli_exit code = CLI_DONE;

    if (survey_take(&survey, config->journal.path, &err) < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    if (json)
        code = print_json(config, &survey);
    else
        print_lines(config, &survey);
    survey_release(&survey);
    return code;
}
