#include "operator/control.h"
#include "pg/result.h"

/* Columns of STATEMENT_LOOK. */
enum { PAUSED, HALTED, GENERATION, COMMANDS, HOLDER_GONE, REBUILD, STEP, AFTER, WHERE, SWAP };

void control_send(struct session *session, pg_on_result on_result, pg_on_done on_done)
{
    const char *values[] = {session->op->name, session->lane_number, session->generation};
    (void)pg_conn_send(session->conn, &(struct pg_statement){.name = STATEMENT_LOOK,
                                                             .parameter_count = 3,
                                                             .values = values,
                                                             .on_result = on_result});
    session_sync(session, on_done);
}

static void copy_cell(char *to, size_t size, const PGresult *row, int column)
{
    snprintf(to, size, "%s", PQgetisnull(row, 0, column) ? "" : PQgetvalue(row, 0, column));
}

int control_take(struct control *control, struct session *session, const PGresult *row)
{
    struct session_checkpoint *found = &session->found;
    *control = (struct control){0};
    if (PQresultStatus(row) != PGRES_TUPLES_OK || PQntuples(row) != 1)
        return 0;
    control->found = true;
    control->paused = pg_true(row, 0, PAUSED);
    control->holder_gone = pg_true(row, 0, HOLDER_GONE);
    copy_cell(control->halted, sizeof(control->halted), row, HALTED);
    copy_cell(control->generation, sizeof(control->generation), row, GENERATION);
    copy_cell(control->commands, sizeof(control->commands), row, COMMANDS);
    if (PQgetisnull(row, 0, REBUILD) || strcmp(PQgetvalue(row, 0, REBUILD), found->rebuild) == 0)
        return 0;
    control->rebuild = true;
    return session_take_rebuild(found, row, REBUILD);
}
