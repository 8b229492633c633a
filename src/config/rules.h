/* config/rules.h - what the texts of the file must say, alone and together, and the move from there
 * into struct config. Inside the room only. Reads PG* variables, the number of cores and query
 * files. */
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include "config/config.h"
#include "config/schema.h"

struct rules {
    struct config *config;   /* being filled; on failure the caller releases it */
    struct raw *raw;         /* its texts are taken out one by one */
    const struct tree *tree; /* for the places of errors */
    struct error *err;
};

/* 0, -ENOMEM or others, with file, line and key in ERR. */
int rules_apply(struct rules *r);

/* The parts of it, one file each. */
int rules_database(struct rules *r);              /* of the sources */
int rules_tables(struct rules *r);                /* and the events table */
int rules_operators(struct rules *r);             /* after the tables */
int rules_auth(struct rules *r);                  /* and cors */
int rules_scopes(struct rules *r, size_t table);  /* those of one table */
int rules_columns(struct rules *r, size_t table); /* its lists of columns, after id and scopes */
/* The names of columns FROM, which LIST of the tree says, into TO: no name twice. */
int rules_column_names(struct rules *r, const struct node *list, char **from, size_t count,
                       struct config_names *to);
/* An operator that goes by COLUMN of a table: fails at PLACE when the events do not have it. */
int rules_mapped_column(struct rules *r, const char *const names[2], const char *column,
                        const struct node *place);

/* A whole number from RANGE[0] to RANGE[1]; else fails at PLACE. */
int rules_number(struct rules *r, const struct node *place, const char *text,
                 const uint64_t range[2], uint64_t *ret_number);
int rules_no_memory(struct rules *r);
/* COMPLAINT: NULL is fine, else fails at PATH. */
int rules_check(struct rules *r, const char *complaint, const struct node *node);

/* A text out of the raw configuration, which no longer owns it then. */
static inline char *rules_take(char **text)
{
    char *taken = *text;
    *text = NULL;
    return taken;
}

#endif
