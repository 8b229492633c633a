/* source/setup.h - what must be true on the server before the slot can be read: server, tables,
 * publication, slot; and what the decoder must know: types and columns. One ordinary connection,
 * one step after the other, closed when done. Creates the publication and adds configured tables to
 * it; never creates the slot (that needs the replication session). Runs on the capture loop. */
#ifndef SOURCE_SETUP_H
#define SOURCE_SETUP_H

#include "base/backoff.h"
#include "base/marked.h"
#include "config/config.h"
#include "decode/relation_cache.h"
#include "pg/conn.h"
#include "source/inexact.h"

#define SETUP_OLDEST_SERVER 150000 /* MERGE, row filters in the catalog */

/* Bytes of names of tables and columns: some ten million of them. */
#define SETUP_MARKED_MAX (256u << 20)

struct setup_facts {
    char database[64];
    bool slot_exists;
    bool slot_active;
    char slot_holder[16]; /* PID of the process that reads it */
    char slot_plugin[64];
    char slot_database[64];
    char slot_status[16]; /* pg_replication_slots.wal_status, or empty */
    uint64_t slot_confirmed;
    char actions[40];   /* that the publication publishes: "insert,update,delete,truncate" */
    char filtered[160]; /* a table with a row filter or a column list, which wal2json does not know
                         */
    char partitioned[160]; /* a table of the publication that is partitioned, or a partition */
    const char *wal2json_option;   /* what wal2json_tables is: see catalog_read_list() */
    struct buffer wal2json_tables; /* with a NUL; escaped (trap 12) */
    struct buffer shape;           /* for the watch: see catalog_shape_sql */
    size_t table_count;
    struct inexact inexact;
    struct buffer marked; /* the same tables, for marked_replace() */
};

struct setup {
    struct loop *loop;
    const struct config *config;
    const struct pg_params *params;
    struct relation_cache *cache;
    struct setup_facts *facts; /* filled; NULL: only the types are read, and the answer to what the
                                  decoder asks */
    bool keep_publication;     /* the service runs: what was done to tables since is not undone */
    uint32_t xid; /* the transaction that the decoder asks about: it is first waited until others
                     see it; 0: none */
    void *owner;
    /* ERR is NULL when all is well. -EPERM, -EINVAL, -ENOENT: a human must mend it; else try again.
     */
    void (*on_done)(void *owner, const struct error *err);

    /* private */
    struct pg_conn *conn;
    const struct setup_step *step;
    struct error failure;
    ev_timer again;        /* the same step */
    unsigned again_ms;     /* after so long; 0: the next step */
    uint64_t unseen_since; /* clock; 0: XID is not waited for */
    struct backoff unseen; /* while it is */
    bool publication_exists;
    bool columns_told;     /* the warnings about columns */
    struct buffer missing; /* tables that the publication lacks, as SQL */
};

/* All fields above are set by the caller. */
int setup_start(struct setup *setup, struct error *err);
/* For how long a transaction is being waited for that others do not see; 0: none is. */
uint64_t setup_unseen_ms(const struct setup *setup);
void setup_cancel(struct setup *setup); /* safe on a zeroed and on a finished one */

#endif
