/* main.c - the commands of walpiper: one row each, its code in cli/. */
#include "cli/run.h"

static const struct cli_command commands[] = {
    {"run", "the service: streams row changes, keeps read models right", cli_run_help, cli_run},
    {NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return (int)cli_main(commands, argc, argv);
}
