/* source/watch.h - notices that the publication, or one of its tables, has changed, whoever changed
 * it: wal2json is given its list once, at the start of a stream (trap 12), and what messages do not
 * tell of a table is read from the catalog then. One ordinary connection, one
 * small question every few seconds; with it the server tells how far its WAL is, and what the slot
 * keeps of it. A connection that is lost or does not answer is made again at the
 * next look. Runs on the capture loop. */
#ifndef SOURCE_WATCH_H
#define SOURCE_WATCH_H

#include "base/buffer.h"
#include "pg/conn.h"

/* LSNs; 0: not known. */
struct watch_look {
    uint64_t server_lsn;  /* the end of its WAL on disk */
    uint64_t restart_lsn; /* WAL from there on is kept for the slot */
    bool has_limit;       /* max_slot_wal_keep_size: the slot is lost */
    uint64_t safe_bytes;  /* after so much more WAL */
    int64_t time_us;      /* of its clock, since 1970, and after that */
    uint64_t insert_lsn;  /* the end of its WAL, on disk or not; a standby has none */
};

struct watch {
    struct loop *loop;
    const struct pg_params *params;
    const char *publication;
    const char *slot;
    void *owner;
    void (*on_look)(void *owner, const struct watch_look *look);
    void (*on_changed)(void *owner); /* the watch has stopped */

    /* private */
    struct str shape; /* that the stream was started with, borrowed */
    struct buffer seen;
    struct pg_conn *conn;
    ev_timer timer;
    bool ready;
    uint64_t asked_at; /* clock, of the question under way; 0: none is */
    bool wanted;       /* another look, as soon as it can be had */
};

/* The first seven fields are set by the caller. */
void watch_init(struct watch *watch);
/* SHAPE as catalog_read_shape() gives it; borrowed until watch_stop(). */
void watch_start(struct watch *watch, struct str shape);
/* Looks at the server's WAL now, in a question that begins after this. Nothing on a stopped one. */
void watch_look_now(struct watch *watch);
void watch_stop(struct watch *watch); /* safe on a stopped one */
void watch_release(struct watch *watch);

#endif
