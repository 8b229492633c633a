/* main.c - the commands of walpiper: one row each, its code in cli/. */
#include "cli/check.h"
#include "cli/journal.h"
#include "cli/mark.h"
#include "cli/operator.h"
#include "cli/run.h"
#include "cli/slot.h"
#include "cli/tail.h"
#include "cli/token.h"
#include "cli/wait.h"

static const struct cli_command commands[] = {
    {"run", "the service: streams row changes, keeps read models right", cli_run_help, cli_run,
     CLI_LOG_LEVEL, NULL},
    {"check", "says whether the service would start, and what would mend it", cli_check_help,
     cli_check, CLI_JSON, NULL},
    {"tail", "prints events as they come", cli_tail_help, cli_tail, CLI_JSON | CLI_FROM,
     "[TOPIC...]"},
    {"wait", "returns once read models have what was committed", cli_wait_help, cli_wait, CLI_WAIT,
     NULL},
    {"mark", "adds a table to the publication", cli_mark_help, cli_mark, CLI_FULL, "TABLE"},
    {"unmark", "drops a table from the publication", cli_unmark_help, cli_unmark, 0, "TABLE"},
    {"operator", "operates read models, and verifies them", cli_operator_help, cli_operator,
     CLI_JSON | CLI_OPERATOR, "list|show|retry|skip|pause|resume|rebuild|verify [NAME [ID...]]"},
    {"slot", "drops the replication slot", cli_slot_help, cli_slot, 0, "drop"},
    {"journal", "says what is in the journal, or whether it is sound", cli_journal_help,
     cli_journal, CLI_JSON, "info|verify"},
    {"token", "signs a token for development", cli_token_help, cli_token, CLI_TOKEN, NULL},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

int main(int argc, char **argv)
{
    return (int)cli_main(commands, argc, argv);
}
