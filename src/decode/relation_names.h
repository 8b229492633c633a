/* decode/relation_names.h - tables that a plugin may name but that are not published under their
 * own name: partitions, whose rows are those of a published root, and tables that are not
 * published, remembered so that the catalog is asked once for each. Owns all names. Private to
 * decode/: others ask relation_cache.h. Pure. */
#ifndef DECODE_RELATION_NAMES_H
#define DECODE_RELATION_NAMES_H

#include "decode/relation_name.h"

#define RELATION_NAMES_MAX 100000 /* unpublished ones; then all of them are forgotten */

struct relation_names_entry;

struct relation_names {
    struct relation_names_entry *by_name;
    unsigned unpublished;
};

/* NAME stands for ROOT; a ROOT without a table: it is not published. Replaces what was said before.
 * Copies both. 0 or -ENOMEM. */
int relation_names_put(struct relation_names *names, struct relation_name name,
                       struct relation_name root);
/* What put() said of NAME, or NULL. Good until the next put() or clear(). */
const struct relation_name *relation_names_find(const struct relation_names *names,
                                                struct relation_name name);
void relation_names_clear(struct relation_names *names);

#endif
