/* api/publish_sql.h - the statements of POST /events. Pure. */
#ifndef API_PUBLISH_SQL_H
#define API_PUBLISH_SQL_H

#include "config/config.h"

/* Of the two, or'ed, the forms of the statement that inserts one event and gives its id. */
#define PUBLISH_SQL_AT 1    /* with its timestamp: $4 */
#define PUBLISH_SQL_KEYED 2 /* also stored: $5 the key, $6 the item; $4 is there, used or not */
#define PUBLISH_SQL_FORMS 4

struct publish_sql {
    char *insert[PUBLISH_SQL_FORMS]; /* $1 type, $2 consumer, $3 payload */
    char *install;                   /* sql/published.sql: one statement, where it is missing */
    char *purge;                     /* removes some keys that are old */
    char *claim;                     /* $1 the key, $2 the digest: fails when the key is taken */
    char *lookup;                    /* $1 the key: item and id, in the order of the items */
};

int publish_sql_init(struct publish_sql *ret, const struct config *config, struct error *err);
void publish_sql_release(struct publish_sql *sql);

#endif
