/* config/rules_operator.h - one operator while it is read, a file a part. Only for
 * rules_operators.c, rules_database.c, rules_sources.c, rules_query.c and rules_notify.c. */
#ifndef CONFIG_RULES_OPERATOR_H
#define CONFIG_RULES_OPERATOR_H

#include "config/rules.h"

struct reading {
    struct rules *r;
    size_t index;
    struct raw_operator *from;
    struct config_operator *to;
};

#define PLACE(o, key) node_at((o)->r->tree, "operators[%zu]." key, (o)->index)

/* Each takes its part FROM there TO here. 0, or a failure with file, line and key. */
int operator_query(struct reading *o);
int operator_database(struct reading *o);
int operator_sources(struct reading *o); /* after target, its database, and events */
int operator_delete_with(struct reading *o);
int operator_notify(struct reading *o);

/* Splits NAME, which stands at PLACE, into schema and table. */
int operator_table_name(struct reading *o, const char *name, const struct node *place,
                        char *ret_names[2]);
/* The source of OPERATOR that is this table; NULL: none. */
struct config_operator_source *operator_source(struct config_operator *operator,
                                               const char * schema, const char *table);

#endif
