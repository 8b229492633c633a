/* cli/operator_call.h - one call of `walpiper operator`: what its parts share, and the parts. Only
 * for operator*.c. */
#ifndef CLI_OPERATOR_CALL_H
#define CLI_OPERATOR_CALL_H

#include "base/buffer.h"
#include "cli/cli.h"
#include "cli/server.h"
#include "config/config.h"

struct operator_call {
    const struct cli_options *options;
    const struct config *config;
    const struct config_operator *op; /* NULL: none is named */
    char *const *ids;                 /* that were given */
    size_t id_count;
    int64_t limit, sample; /* of --limit and --sample */
    struct server server;  /* where the target and the state tables are */
    struct server apart;   /* where the sources are, when that is another database */
    bool ran;              /* the operator has a row in the state tables */
};

#define OPERATOR_SQL_MAX 16384

/* Connects for the operator, and looks whether the state tables are there, and the operator in
 * them. 0 or the failure. */
int operator_call_open(struct operator_call *call, struct error *err);
/* Runs SQL that is written for the schema walpiper (pg/state_text.h). 0 or the server's error. */
int operator_call_query(struct operator_call *call, const char *sql, int count,
                        const char *const *values, struct error *err);
/* Where the sources are: connects when that is another database. 0 or the failure. */
int operator_call_sources(struct operator_call *call, struct server **ret_server,
                          struct error *err);
/* -ENOENT, unless the operator ran. */
int operator_must_have_run(const struct operator_call *call, struct error *err);

/* Whether the server takes --where for the ids of target and sources: nothing is read. 0 or the
 * failure. */
int operator_try_where(struct operator_call *call, struct error *err);

/* Each does what its verb says and prints it. CLI_FAILED: ERR says why. */
enum cli_exit operator_list(struct operator_call *call, struct error *err);
enum cli_exit operator_show(struct operator_call *call, struct error *err);
enum cli_exit operator_retry(struct operator_call *call, struct error *err);
enum cli_exit operator_skip(struct operator_call *call, struct error *err);
enum cli_exit operator_pause(struct operator_call *call, struct error *err);
enum cli_exit operator_resume(struct operator_call *call, struct error *err);
enum cli_exit operator_rebuild(struct operator_call *call, struct error *err);
enum cli_exit operator_verify(struct operator_call *call, struct error *err);

#endif
