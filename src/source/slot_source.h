/* source/slot_source.h - the replication slot as a source, in five files: slot_source.c its life,
 * setup and failures; slot_open.c the replication session up to the first message; slot_stream.c
 * the stream and its confirmation; slot_loss.c the slot that is gone; slot_report.c what others may
 * know. Private to them. */
#ifndef SOURCE_SLOT_SOURCE_H
#define SOURCE_SLOT_SOURCE_H

#include "base/backoff.h"
#include "pg/liveness.h"
#include "pg/session.h"
#include "source/capture.h"
#include "source/columns.h"
#include "source/continuity.h"
#include "source/lag.h"
#include "source/setup.h"
#include "source/source.h"
#include "source/watch.h"

#define SLOT_COMMAND_MAX (32 * 1024 * 1024)
#define SLOT_TICK_S 1.0 /* status updates: also when all else is stuck (trap 9) */

enum source_state {
    SOURCE_SETUP,   /* asks and mends on an ordinary connection */
    SOURCE_OPENING, /* the replication session comes up */
    SOURCE_STREAMING,
    SOURCE_WAITING, /* for the next try */
    SOURCE_LOST, /* the slot is gone (trap 6), or has an event that is too large: nothing is tried
                    until the slot was dropped on purpose */
    SOURCE_STOPPING, /* for the journal */
    SOURCE_CLOSING,  /* for the server's goodbye */
    SOURCE_STOPPED,
};

struct source {
    enum source_state state;
    struct source_context context;
    struct loop *loop;
    struct setup setup;
    struct setup_facts facts;
    struct watch watch;
    struct liveness liveness; /* of the session, or of the setup while that is under way */
    struct column_rules rules;
    struct relation_cache *cache;
    struct pg_session *session;
    struct capture capture;
    struct backoff backoff;
    ev_timer again;       /* goes on with a message that takes more than a turn */
    ev_timer confirm_due; /* what the journal has on disk is not confirmed yet */
    ev_timer timer;       /* retry, tick, and the limit of a stop */
    struct loop_hook flush_hook;
    struct loop_wakeup progress;
    struct journal_listener listener;
    uint64_t system_identifier;
    uint32_t timeline;     /* of the server, */
    uint64_t shared;       /* up to here that of the journal's: see continuity_slot */
    uint64_t server_end;   /* of its WAL, when the session began */
    bool other_history;    /* was found in this process, and the new epoch has not begun yet */
    uint64_t created_at;   /* consistent point of a slot made in this session; 0: none was */
    uint64_t confirmed_at; /* clock, of the last status update */
    uint64_t confirmed;    /* LSN of the last status update */
    const struct decoder_ops *plugin; /* of the next stream */
    bool awaiting;                    /* the stream is paused until the catalog has answered */
    uint32_t awaited_type;            /* about this type, or, 0, what the cache was asked about */
    bool unseen_told;                 /* that it waits for a commit */
    char epoch[9];
    bool started;   /* has streamed once in this process */
    bool stood_by;  /* has found the slot with another process */
    bool announced; /* on_started was called */
    bool looked_up; /* the catalog was asked after a failure that may be final */
    bool poked;
    uint64_t awaited_mark; /* until it is reached, what ended the last stream may end this one; 0 */
    unsigned ticks;        /* of this stream */
    uint64_t streams;      /* begun */
    struct lag lag;
    struct watch_look look; /* the newest */
    uint64_t looked_at;     /* clock; 0: never */
    bool spool_full;        /* the stream is paused until it has room */
    bool restart_wanted; /* the publication has changed: a new stream, between two transactions */
    struct error told;   /* the last failure in the log: the same one is not told twice */
};

const char *slot_state_name(enum source_state state); /* a literal */
void slot_set_state(struct source *source, enum source_state state);
void slot_timer(struct source *source, double after, double repeat);
/* The session cannot go on: closes it and tries again later, or gives up, as WHY says. */
void slot_session_failed(struct source *source, const struct error *why);
/* One step further towards the end of a stop, as often as something has happened. */
void slot_stop_step(struct source *source);

/* The server has other transactions than the journal: a new epoch, from where the slot stands. */
void slot_begin_other_history(struct source *source);

/* Closes the session and sets up anew, without a wait and without telling of trouble. */
void slot_begin_again(struct source *source);

/* slot_open.c: starts the session; START_REPLICATION is sent or slot_session_failed() is called. */
int slot_open(struct source *source, struct error *err);

/* The journal's epoch is known: who reads the journal may begin. */
void slot_announce(struct source *source);

/* slot_loss.c: what to do about the slot; system_identifier is known, unless the slot exists. */
enum slot_decision slot_decision(const struct source *source);
/* -EIDRM and why nobody but a human may go on. */
int slot_refuse_loss(const struct source *source, struct error *err);
/* SOURCE_LOST; slot_await_drop() is its timer. */
void slot_stay_lost(struct source *source);
void slot_await_drop(struct source *source);
/* Was the slot of the journal's epoch dropped on purpose? For certain: the marker names the epoch.
 */
bool slot_was_dropped(const struct source *source, bool for_certain);
/* Before a new slot is made: the marker, if there is one, ends this epoch and no other. */
int slot_bind_drop(const struct source *source, struct error *err);
/* The epoch is settled: the marker has done its work, or was about another one. */
void slot_forget_drop(const struct source *source);

/* slot_stream.c: callbacks of the session and the journal. */
/* The stream has ended at something that the next one may well meet again: until it is past, health
 * stays DOWN, the tries become rarer, and the same story is not told again. */
void slot_expect_again(struct source *source);
void slot_on_streaming(void *source);
enum pg_flow slot_on_message(void *source, struct str message, uint64_t lsn);
void slot_on_keepalive(void *source, uint64_t lsn, bool reply_requested);
void slot_on_progress(struct loop_wakeup *wakeup);
void slot_on_journal(struct journal_listener *listener);
void slot_flush_journal(struct loop_hook *hook);
void slot_on_publication(void *source);
void slot_on_again(struct ev_loop *ev, ev_timer *timer, int events);
void slot_on_confirm_due(struct ev_loop *ev, ev_timer *timer, int events);
/* slot_report.c: at the end of each turn, for other threads. */
void slot_report(struct source *source);
void slot_on_look(void *source, const struct watch_look *look);
/* Once a second while there is a connection. */
void slot_tick(struct source *source);
void slot_on_waits(void *owner, const struct liveness_peer *peer, bool refuses, const char *story);
void slot_confirm(struct source *source, bool reply);

#endif
