/* operator/engine.h - one operator at work: chooses what to do next, one thing at a time, so that
 * an id never goes through two transactions at once. Runs on the capture loop. Owns its session,
 * reader, rebuild and batches. What happens to a batch is in run.c. */
#ifndef OPERATOR_ENGINE_H
#define OPERATOR_ENGINE_H

#include "base/backoff.h"
#include "operator/batch.h"
#include "operator/control.h"
#include "operator/operators.h"
#include "operator/parked.h"
#include "operator/reader.h"
#include "operator/rebuild.h"
#include "operator/session.h"

enum engine_state {
    ENGINE_WAITING, /* no connection; the timer will open one */
    ENGINE_OPENING, /* the session is being set up */
    ENGINE_READY,   /* nothing to do, or more to read in the next turn */
    ENGINE_BUSY,    /* the server works for it */
    ENGINE_RESTING, /* will try the same again when the timer fires */
    ENGINE_PAUSED,  /* until somebody resumes it, as ENGINE_HALTED */
    ENGINE_HALTED,  /* taken over by another process, or on_error is stop */
    ENGINE_CLOSED,
};

struct engine {
    const struct operators_context *context;
    const struct config_operator *op;
    struct loop *loop;
    void (*on_closed)(void *owner); /* after engine_stop() */
    void *owner;

    enum engine_state state;
    bool stopping;
    ev_timer timer; /* of WAITING and RESTING; in READY: goes on reading */
    ev_timer tick;  /* what is due by time while READY */
    struct backoff backoff;
    char name[96];            /* "operator NAME", in log lines and health */
    char hold[LANE_HOLD_MAX]; /* its name in the journal */
    struct error trouble;     /* the last one that was told; empty when all is well */
    uint64_t unseen_since;    /* WPV01 for so long already; 0: not */
    unsigned unseen_tries;

    struct session session;
    struct reader reader;
    struct rebuild rebuild;
    struct parked parked;

    struct control control; /* as it was seen last */
    char commands[24];      /* those that were obeyed */
    bool look;              /* something may have been asked of it */
    bool paused, halted;

    bool located;               /* the checkpoint was compared with the journal */
    const char *begin;          /* why every id must be computed anew; NULL: it need not */
    bool rebuild_turn;          /* rebuild and live take turns */
    bool look_for_parked;       /* some may be due */
    uint64_t parked_ms;         /* when the next one is due, as far as is known; 0: not known */
    bool parked_turn;           /* they were next the last time; now something else is */
    struct position checkpoint; /* stored */
    uint64_t complete_lsn; /* the journal had all up to there when it was last read to its end */
    uint64_t applied_lsn;  /* engine_applied_lsn() when it was asked last */
    uint64_t stored_ms, stored_events;

    struct op_batch live; /* being collected */
    struct op_batch rebuild_batch, parked_batch, keys_batch;
    struct op_batch *running;  /* one of the four, until it is stored; NULL: none */
    struct error swap_failure; /* for which a rebuild into a new table is given up */
    char swap_gone[24];        /* the last one that was not there any more */
    char swapped[2][24]; /* rows deleted and merged by an exchange; empty: it is not due yet */
    uint64_t batches;    /* stored */
    uint64_t failures;   /* of a batch, or of a part of it, for its data */
};

/* -ENOMEM. The engine begins in the next turn of the loop. */
int engine_init(struct engine *engine, struct loop *loop, const struct operators_context *context,
                const struct config_operator *op, const struct lane *lane);
void engine_release(struct engine *engine);
void engine_stop(struct engine *engine, void (*on_closed)(void *owner), void *owner);
/* The journal has more. */
void engine_wake(struct engine *engine);
/* All events up to there are applied; 0: not known yet. To be asked in each turn of the loop. */
uint64_t engine_applied_lsn(struct engine *engine);

/* --- for run.c, due.c, swap.c and command.c
 * ------------------------------------------------------------------------------- */

struct engine *engine_of(void *owner); /* from the owner of a session's callbacks */
const char *engine_state_name(enum engine_state state); /* a literal */
void engine_set_state(struct engine *engine, enum engine_state state);
/* Does the next thing; whatever was under way is over. */
void engine_turn(struct engine *engine);
/* Tries the same again after DELAY_MS. */
void engine_rest(struct engine *engine, unsigned delay_ms);
/* A failure that is not about single ids: decides by its class. ERR may be of the session. */
void engine_trouble(struct engine *engine, const struct error *err);
/* Tells of a failure, unless it has been told already. */
void engine_tell(struct engine *engine, const struct error *err, bool health);
/* Until it is told to go on. */
void engine_halt(struct engine *engine, const struct error *err);
/* Forgets all and begins as a new process does. */
void engine_restart(struct engine *engine);
/* All is well again. */
void engine_recovered(struct engine *engine);
unsigned engine_backoff(struct engine *engine);

#endif
