#include "cli/journal.h"
#include "event/id.h"
#include "journal/store.h"
#include "journal/verify.h"
#include <inttypes.h>

const char cli_journal_help[] =
    "info: what is in it: epoch, source, first and last event, size, who holds it.\n"
    "      --json               the same as one JSON object\n"
    "verify: reads all of it and says what is damaged, and which events can still be read. Exit 0\n"
    "when it is sound, else 1.\n"
    "Both change nothing and may be run beside the service, as its user.\n"
    "\n";

static void print_id(const struct verify_report *report, struct position position)
{
    char id[EVENT_ID_MAX];
    fputs(event_id_format(report->identity.epoch, position, id), stdout);
}

static void print_range(const struct verify_report *report, const struct verify_range *range)
{
    printf("readable: %" PRIu64 " records from ", range->records);
    print_id(report, range->first);
    printf(" to ");
    print_id(report, range->last);
    putchar('\n');
}

static void print_damages(const struct verify_report *report)
{
    for (uint64_t i = 0; i < report->damage_count && i < VERIFY_DAMAGES_MAX; i++) {
        const struct verify_damage *damage = &report->damages[i];
        printf("damaged: ");
        if (damage->at.lsn > 0 || damage->at.ordinal > 0) {
            print_id(report, damage->at);
            printf(": ");
        }
        printf("%s\n", damage->what);
    }
    if (report->damage_count > VERIFY_DAMAGES_MAX)
        printf("damaged: %" PRIu64 " more\n", report->damage_count - VERIFY_DAMAGES_MAX);
    for (uint64_t i = 0; i < report->range_count && i < VERIFY_RANGES_MAX; i++) {
        if (i + 1 == VERIFY_RANGES_MAX && report->range_count > VERIFY_RANGES_MAX)
            printf("readable: %" PRIu64 " more ranges, then\n",
                   report->range_count - VERIFY_RANGES_MAX);
        print_range(report, &report->ranges[i]);
    }
    if (report->range_count == 0)
        printf("readable: nothing\n");
}

static void print_sound(const struct verify_report *report)
{
    printf("ok, %" PRIu64 " records in %" PRIu64 " blocks, %" PRIu64 " bytes, %" PRIu64
           " tags, %zu holds",
           report->records, report->blocks, report->bytes, report->tags, report->holds);
    if (report->range_count > 0) {
        printf("; from ");
        print_id(report, report->ranges[0].first);
        printf(" to ");
        print_id(report, report->ranges[0].last);
    }
    putchar('\n');
}

static enum cli_exit journal_check(const struct config *config)
{
    struct verify_report report;
    struct error err = {0};
    const char *path = config->journal.path;

    fflush(stdout); /* another process is made */
    if (journal_verify(path, &report, &err) < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    if (report.damage_count == 0) {
        print_sound(&report);
        return CLI_DONE;
    }
    print_damages(&report);
    fflush(stdout);
    return cli_fail(CLI_FAILED,
                    "journal %s is damaged in %" PRIu64
                    " places; a service that runs serves what is "
                    "readable; to go on, stop it and remove the directory: a new epoch begins, "
                    "subscribers get a reset, operators compute every id anew",
                    path, report.damage_count);
}

enum cli_exit cli_journal(const struct cli_options *options)
{
    struct config config = {0};
    struct error err = {0};
    bool info = str_equal(str_from(options->arguments[0]), STR("info"));

    if (!info && options->json)
        return cli_fail(CLI_MISUSED,
                        "journal verify: --json is for info; 'walpiper journal --help'");
    if (config_load(&config, options->config_file, &err) < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    enum cli_exit code = info ? journal_info(&config, options->json) : journal_check(&config);
    config_release(&config);
    return code;
}
