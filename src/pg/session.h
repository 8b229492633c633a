/* pg/session.h - one replication connection: commands, then a stream of messages, and status
 * updates. Protocol: PostgreSQL documentation, "Streaming Replication Protocol" (START_REPLICATION
 * ... LOGICAL; XLogData 'w', Primary keepalive 'k', Standby status update 'r').
 *
 * Knows nothing of plugins and their messages, and decides nothing about what may be confirmed: the
 * owner says. Does not reconnect. Callback rules as in pg/conn.h. */
#ifndef PG_SESSION_H
#define PG_SESSION_H

#include "base/str.h"
#include "pg/conn.h"
#include <stdint.h>

struct pg_session;

enum pg_flow {
    PG_FLOW_ON,    /* the message is done with */
    PG_FLOW_PAUSE, /* offer the same message again after pg_session_resume() */
};

struct pg_session_events {
    void (*on_ready)(void *owner); /* commands may be sent */
    void (*on_streaming)(void *owner);
    /* One XLogData: MESSAGE is borrowed, LSN its position. */
    enum pg_flow (*on_message)(void *owner, struct str message, uint64_t lsn);
    /* The server has sent all that it has up to LSN. */
    void (*on_keepalive)(void *owner, uint64_t lsn, bool reply_requested);
    void (*on_closed)(void *owner, const struct error *why);
};

int pg_session_start(struct pg_session **ret_session, struct loop *loop,
                     const struct pg_params *params, const struct pg_session_events *events,
                     void *owner, struct error *err);
/* Silent; tells the server first where possible, so that the slot is free at once. NULL is fine. */
void pg_session_close(struct pg_session *session);

/* One command of the replication grammar, or SQL by the simple protocol; one at a time, before
 * streaming. ON_RESULT gets each result, ON_DONE ends the command. */
int pg_session_command(struct pg_session *session, const char *command, pg_on_result on_result,
                       pg_on_done on_done);
/* START_REPLICATION: on_streaming, or on_closed with the server's refusal. */
int pg_session_stream(struct pg_session *session, const char *command);

/* Sends a standby status update: all up to CONFIRMED is safe here. REPLY asks for a keepalive. */
int pg_session_confirm(struct pg_session *session, uint64_t confirmed, bool reply);
/* Goes on after PG_FLOW_PAUSE. Nothing else than a paused session is changed. */
void pg_session_resume(struct pg_session *session);
/* The orderly end of a stream: no message is offered any more, the server gets what was sent (the
 * last confirmation too) and says goodbye; then on_closed. */
int pg_session_end(struct pg_session *session);
/* clock_monotonic_ms() when the server was last heard; now, while the connection is being made or
 * nothing is read on purpose. */
uint64_t pg_session_last_heard(const struct pg_session *session);
/* As pg_conn_place() and pg_conn_pid(). */
struct pg_place pg_session_place(const struct pg_session *session);
int pg_session_pid(const struct pg_session *session);

#endif
