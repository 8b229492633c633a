#include "cli/run.h"
#include "config/config.h"
#include "daemon.h"

const char cli_run_help[] =
    "Streams until SIGTERM or SIGINT, then ends all streams, finishes what it has begun and exits "
    "0.\n"
    "\n"
    "      --log-level LEVEL    trace, debug, info, warn or error; wins over log.level\n";

enum cli_exit cli_run(const struct cli_options *options)
{
    struct config config = {0};
    struct error err = {0};

    if (config_load(&config, options->config_file, &err) < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    if (options->has_log_level)
        config.log.level = options->log_level;
    enum cli_exit code = daemon_run(&config) == 0 ? CLI_DONE : CLI_FAILED;
    config_release(&config);
    return code;
}
