/* cli/check_parts.h - the parts of `walpiper check`, in the order in which they run, and what one
 * part learns for the next. Only for check*.c. */
#ifndef CLI_CHECK_PARTS_H
#define CLI_CHECK_PARTS_H

#include "base/buffer.h"
#include "cli/findings.h"
#include "cli/server.h"
#include "config/config.h"
#include "journal/peek.h"
#include "source/continuity.h"

#define CHECK_OBJECT_MAX 192 /* "table " and two names of 63 bytes */
#define CHECK_MEND_MAX 2048
#define CHECK_MORE 10 /* slots or senders, where all are in use */

struct check {
    const struct config *config;
    struct findings *findings;
    struct server server; /* read-only */

    struct sql_name role, database_sql;
    char database[64];
    uint64_t system_identifier; /* 0: not known */
    char place[64];     /* catalog_place_sql of operator/catalog_check.h; empty: not asked yet */
    bool may_create;    /* schemas and publications, in the database */
    bool has_attribute; /* REPLICATION, or superuser */
    bool can_decode;    /* a slot can be made, as far as server and role go */
    bool publication_exists;

    struct journal_peek journal;
    int journal_code; /* of journal_peek() */
    struct error journal_error;

    bool slot_exists;
    bool slot_lost;
    bool slot_usable;                 /* logical, of this database, not lost */
    enum slot_decision slot_decision; /* of the service, when it exists not or is lost */
    bool slot_active;
    char slot_plugin[64]; /* of the slot that exists */
    uint64_t slot_confirmed;
    int64_t slots_max, free_slots;

    const char *plugin;            /* what the service would decode with; NULL: none can be used */
    struct buffer inexact_columns; /* of the streamed tables: float and numeric */
};

/* False: what follows makes no sense, or the server is gone; the finding is made. */
bool check_server(struct check *check);
bool check_peek(struct check *check); /* looks at the journal, says nothing */
bool check_slot(struct check *check);
bool check_role(struct check *check);
bool check_plugin(struct check *check);
bool check_publication(struct check *check);
bool check_journal(struct check *check);
bool check_tables(struct check *check);
bool check_events(struct check *check);
bool check_operators(struct check *check);

/* The database of OP's target, where it is not that of the sources, becomes the one that THERE
 * asks. False: nothing there can be asked; the finding is made. The caller closes its server. */
bool check_target_database(struct check *check, const struct config_operator *op,
                           const char *object, struct check *there);

/* What no statement may do while a check looks. */
bool check_settings(struct check *check, const char *object);

/* One table that is, or will be, published: does the log tell what its rows were? */
bool check_identity(struct check *check, const char *schema, const char *table);

/* The slot, to be compared with the journal. */
struct continuity_slot check_slot_place(const struct check *check);

/* Asks the server; false: it failed, and the finding about OBJECT is made. */
bool check_ask(struct check *check, const char *object, const char *sql, int count,
               const char *const *values);

#endif
