/* operator/control.h - what people ask of an operator while it runs: they write it into the state
 * tables (the functions of sql/state.sql), from where the engine reads it when it is notified and
 * once a second. Pure but for sending through the session. */
#ifndef OPERATOR_CONTROL_H
#define OPERATOR_CONTROL_H

#include "operator/session.h"

struct control {
    bool found; /* the operator's row is there */
    bool paused;
    char halted[ERROR_TEXT_MAX]; /* why it does not go on; empty: it does */
    char generation[24];         /* that has it now */
    bool holder_gone;            /* another process has it, whose connection is no more */
    char commands[24];           /* how many were given */
    bool rebuild;                /* a rebuild was asked for: where it stands is in the session */
};

/* Asks; ON_RESULT gets what control_take() reads. */
void control_send(struct session *session, pg_on_result on_result, pg_on_done on_done);
/* 0; -ENOMEM when a rebuild that was asked for could not be taken in: ask again. */
int control_take(struct control *control, struct session *session, const PGresult *result);

#endif
