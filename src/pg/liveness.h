/* pg/liveness.h - is a server that says nothing dead, or at work? Silence alone proves nothing:
 * a walsender may decode or skip a long transaction for minutes, and answers no request meanwhile
 * (trap 9). So the server is asked on a new connection, to the same address, what the silent one's
 * process does. At work: alive, asked again later. Waiting for us, gone, or the question is not
 * answered either: dead, within 30 s of silence.
 *
 * Has no timer: the owner looks once a second. */
#ifndef PG_LIVENESS_H
#define PG_LIVENESS_H

#include "pg/conn.h"

enum liveness_verdict {
    LIVENESS_AT_WORK,
    LIVENESS_WAITING, /* for us, who wait for it */
    LIVENESS_GONE,
};

/* What pg_stat_activity and pg_replication_slots say of a process. */
struct liveness_facts {
    bool found;
    bool has_slot;
    const char *wait_type, *wait_event; /* empty: it runs */
};

/* STREAMING: it owes an answer to each request for a reply as soon as it waits. Pure. */
enum liveness_verdict liveness_judge(const struct liveness_facts *facts, bool streaming);

/* The connection that is being watched. */
struct liveness_peer {
    const char *what;               /* for people, a literal */
    const struct pg_params *params; /* borrowed: how to reach its server */
    int pid;                        /* of its process on the server */
    bool streaming;
    uint64_t heard_at; /* clock_monotonic_ms() */
    struct pg_place place;
};

struct liveness {
    struct loop *loop;
    const char *slot; /* that a stream reads; NULL: none is watched */
    /* The server is waited for, STORY is why; once a silence. REFUSES: it does not say what it
     * does. */
    void (*on_waits)(void *owner, const struct liveness_peer *peer, bool refuses,
                     const char *story);
    void *owner;

    /* private */
    struct pg_conn *conn; /* the question under way */
    struct liveness_peer peer;
    uint64_t since; /* clock, of the question or of its answer */
    bool answered;
    bool told; /* that it is at work: once a silence */
    enum liveness_verdict verdict;
    struct error failure; /* of the question */
};

/* The first four fields are set by the caller. True when PEER is dead, RET_WHY says how that is
 * known; then nothing is under way any more. */
bool liveness_look(struct liveness *liveness, const struct liveness_peer *peer,
                   struct error *ret_why);
void liveness_stop(struct liveness *liveness); /* safe on a zeroed one */

#endif
