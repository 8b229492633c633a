#include "cli/server.h"
#include "pg/connect.h"
#include "pg/failure.h"
#include "pg/identifier.h"
#include "source/params.h"
#include <errno.h>

static int open_with(struct server *server, const struct pg_params *params, struct error *err)
{
    *server = (struct server){0};
    int rc = pg_connect_wait(&server->pg, params, false, err);
    if (rc == -ECONNRESET)
        return error_set(err, rc, "database: %s; start the server, or correct database", err->text);
    if (rc == -EPERM || rc == -ENOENT)
        return error_prefix(err, "database");
    if (rc < 0)
        return rc;
    rc = server_query(server, "SET lock_timeout = '10s'", 0, NULL, err);
    return rc < 0 ? error_prefix(err, "database") : 0;
}

int server_open(struct server *server, const struct config *config, struct error *err)
{
    const struct pg_params params = params_of(config);
    return open_with(server, &params, err);
}

int server_open_target(struct server *server, const struct config *config,
                       const struct config_operator *op, struct error *err)
{
    const struct pg_params params = params_of_operator(config, op);
    return open_with(server, &params, err);
}

void server_close(struct server *server)
{
    PQclear(server->result);
    PQfinish(server->pg);
    *server = (struct server){0};
}

int server_take(struct server *server, PGresult *result, struct error *err)
{
    PQclear(server->result);
    server->result = NULL;
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        server->result = result;
        return 0;
    }
    int rc = result ? pg_failure_of_result(err, result) : pg_failure_of_connection(err, server->pg);
    PQclear(result);
    return rc;
}

int server_query(struct server *server, const char *sql, int count, const char *const *values,
                 struct error *err)
{
    return server_take(server, PQexecParams(server->pg, sql, count, NULL, values, NULL, NULL, 0),
                       err);
}

int server_rows(const struct server *server)
{
    return PQntuples(server->result);
}

const char *server_cell(const struct server *server, int row, int column)
{
    return PQgetvalue(server->result, row, column);
}

bool server_null(const struct server *server, int row, int column)
{
    return PQgetisnull(server->result, row, column) != 0;
}

bool server_true(const struct server *server, int row, int column)
{
    return server_cell(server, row, column)[0] == 't';
}

int64_t server_number(const struct server *server, int row, int column)
{
    int64_t number;
    return str_to_int64(str_from(server_cell(server, row, column)), &number) == 0 ? number : -1;
}

static struct sql_name text_of(struct buffer *text)
{
    struct sql_name name;
    snprintf(name.text, sizeof(name.text), "%.*s", STR_ARG(buffer_str(text)));
    buffer_release(text);
    return name;
}

struct sql_name sql_name(const char *name)
{
    struct buffer text;
    buffer_init(&text, sizeof(struct sql_name));
    pg_identifier(&text, str_from(name));
    return text_of(&text);
}

struct sql_name sql_table(const char *schema, const char *table)
{
    struct buffer text;
    buffer_init(&text, sizeof(struct sql_name));
    pg_qualified(&text, str_from(schema), str_from(table));
    return text_of(&text);
}
