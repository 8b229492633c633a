/* config/name.h - names of the database as they are written in the file. Pure. */
#ifndef CONFIG_NAME_H
#define CONFIG_NAME_H

#include "base/str.h"

#define IDENTIFIER_MAX 63 /* bytes: NAMEDATALEN - 1 of a server as it is built by default */

/* NULL when NAME may name a column, a publication, ...; else "cause; mend". */
const char *name_check_identifier(const char *name);
/* The same for a replication slot, as PostgreSQL's ReplicationSlotValidateName has it. */
const char *name_check_slot(const char *name);
/* The same for the schema of our own tables, which is part of much SQL. */
const char *name_check_schema(const char *name);
/* The same for an operator. */
const char *name_check_operator(const char *name);

/* A table: "posts" (then of the schema public) or "shop.posts". No letter is folded; a part that
 * holds a dot or quote stands in double quotes, doubled inside, as in SQL. 0 with two heap copies;
 * -ENOMEM; -EINVAL with "cause; mend" in *RET_COMPLAINT. */
int name_split(const char *name, char **ret_schema, char **ret_table, const char **ret_complaint);

static inline bool name_same_table(const char *schema, const char *table, const char *other_schema,
                                   const char *other_table)
{
    return str_equal(str_from(schema), str_from(other_schema)) &&
           str_equal(str_from(table), str_from(other_table));
}

#endif
