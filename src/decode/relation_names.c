#include "decode/relation_names.h"

#include "decode/relation_hash.h"

#include <errno.h>
#include <stdlib.h>

/* One block of memory: this and the four texts. */
struct relation_names_entry {
    struct relation_name name;
    struct relation_name root;
    UT_hash_handle hh;
};

/* uthash's macros nest deeper than our own code may.
 * NOLINTBEGIN(readability-function-size) */
static struct relation_names_entry *find_entry(const struct relation_names *names,
                                               const struct relation_name *name)
{
    struct relation_names_entry *entry;
    unsigned hash = relation_name_hash(name);

    HASH_FIND_BYHASHVALUE(hh, names->by_name, name, sizeof(*name), hash, entry);
    return entry;
}

/* False when memory is out: uthash then leaves it out. */
static bool add_entry(struct relation_names *names, struct relation_names_entry *entry)
{
    unsigned hash = relation_name_hash(&entry->name);

    HASH_ADD_KEYPTR_BYHASHVALUE(hh, names->by_name, &entry->name, sizeof(entry->name), hash, entry);
    return entry->hh.tbl != NULL;
}

static void drop_entry(struct relation_names *names, struct relation_names_entry *entry)
{
    if (entry->root.table.len == 0)
        names->unpublished--;
    HASH_DELETE(hh, names->by_name, entry);
    free(entry);
}
/* NOLINTEND(readability-function-size) */

static struct relation_names_entry *new_entry(struct relation_name name, struct relation_name root)
{
    struct relation_names_entry *entry = calloc(
        1, sizeof(*entry) + name.schema.len + name.table.len + root.schema.len + root.table.len);
    if (entry == NULL)
        return NULL;
    char *at = (char *)(entry + 1);
    entry->name.schema = str_put(&at, name.schema);
    entry->name.table = str_put(&at, name.table);
    entry->root.schema = str_put(&at, root.schema);
    entry->root.table = str_put(&at, root.table);
    return entry;
}

static void forget_unpublished(struct relation_names *names)
{
    struct relation_names_entry *entry = names->by_name;

    while (entry != NULL) {
        struct relation_names_entry *next = entry->hh.next;
        if (entry->root.table.len == 0)
            drop_entry(names, entry);
        entry = next;
    }
}

int relation_names_put(struct relation_names *names, struct relation_name name,
                       struct relation_name root)
{
    struct relation_names_entry *entry = new_entry(name, root);

    if (entry == NULL)
        return -ENOMEM;
    if (root.table.len == 0 && names->unpublished >= RELATION_NAMES_MAX)
        forget_unpublished(names);
    struct relation_names_entry *old = find_entry(names, &name);
    if (!add_entry(names, entry)) {
        free(entry);
        return -ENOMEM;
    }
    if (root.table.len == 0)
        names->unpublished++;
    if (old != NULL)
        drop_entry(names, old);
    return 0;
}

const struct relation_name *relation_names_find(const struct relation_names *names,
                                                struct relation_name name)
{
    const struct relation_names_entry *entry = find_entry(names, &name);

    return entry == NULL ? NULL : &entry->root;
}

void relation_names_clear(struct relation_names *names)
{
    while (names->by_name != NULL)
        drop_entry(names, names->by_name);
}
