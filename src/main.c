/* main.c - the commands of walpiper: one row each, its code in cli/. */
#include "cli/check.h"
#include "cli/mark.h"
#include "cli/run.h"
#include "cli/slot.h"

static const struct cli_command commands[] = {
    {"run", "the service: streams row changes, keeps read models right", cli_run_help, cli_run,
     CLI_LOG_LEVEL, NULL},
    {"check", "says whether the service would start, and what would mend it", cli_check_help,
     cli_check, CLI_JSON, NULL},
    {"mark", "adds a table to the publication", cli_mark_help, cli_mark, CLI_FULL, "TABLE"},
    {"unmark", "drops a table from the publication", cli_unmark_help, cli_unmark, 0, "TABLE"},
    {"slot", "drops the replication slot", cli_slot_help, cli_slot, 0, "drop"},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

int main(int argc, char **argv)
{
    return (int)cli_main(commands, argc, argv);
}
