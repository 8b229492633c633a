/* source/watch.h - notices that the publication, or one of its tables, has changed, whoever changed
 * it: wal2json is given its list once, at the start of a stream (trap 12), and what messages do not
 * tell of a table is read from the catalog then. One ordinary connection, one
 * small query every few seconds; a connection that is lost or does not answer is made again at the
 * next look. Runs on the capture loop. */
#ifndef SOURCE_WATCH_H
#define SOURCE_WATCH_H

#include "base/buffer.h"
#include "pg/conn.h"

struct watch {
    struct loop *loop;
    const struct pg_params *params;
    const char *publication;
    void *owner;
    void (*on_changed)(void *owner); /* the watch has stopped */

    /* private */
    struct str shape; /* that the stream was started with, borrowed */
    struct buffer seen;
    struct pg_conn *conn;
    ev_timer timer;
    bool ready;
    uint64_t asked_at; /* clock, of the question under way; 0: none is */
};

/* The first five fields are set by the caller. */
void watch_init(struct watch *watch);
/* SHAPE as catalog_read_shape() gives it; borrowed until watch_stop(). */
void watch_start(struct watch *watch, struct str shape);
void watch_stop(struct watch *watch); /* safe on a stopped one */
void watch_release(struct watch *watch);

#endif
