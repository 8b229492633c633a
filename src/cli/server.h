/* cli/server.h - a command's connection to PostgreSQL: ordinary statements one by one, waiting for
 * each answer. Owns the PGconn and the last result. */
#ifndef CLI_SERVER_H
#define CLI_SERVER_H

#include "base/error.h"
#include "config/config.h"
#include "pg/conn.h"

struct server {
    PGconn *pg;
    PGresult *result; /* of the last statement; NULL when it failed */
};

/* Waits for locks 10 s at the most: commands must not hold up those who queue behind them. */
int server_open(struct server *server, const struct config *config, struct error *err);
/* The same to a database of an operator's own. */
int server_open_target(struct server *server, const struct config *config,
                       const struct config_operator *op, struct error *err);
void server_close(struct server *server); /* safe on a zeroed one */

/* Runs one statement; SERVER->result has its rows until the next one. 0 or the server's error. */
int server_query(struct server *server, const char *sql, int count, const char *const *values,
                 struct error *err);
/* The result of a libpq call as that of a statement; takes RESULT. */
int server_take(struct server *server, PGresult *result, struct error *err);

int server_rows(const struct server *server);
const char *server_cell(const struct server *server, int row, int column); /* NULL: "" */
bool server_null(const struct server *server, int row, int column);
bool server_true(const struct server *server, int row, int column);
int64_t server_number(const struct server *server, int row, int column); /* no number: -1 */

/* Names as SQL, for statements and for the mend of a finding. */
struct sql_name {
    char text[264]; /* two names of 63 bytes, all of them quotes */
};
struct sql_name sql_name(const char *name);
struct sql_name sql_table(const char *schema, const char *table);

#endif
