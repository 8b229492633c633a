/* cli/configured.h - is a table one of those that the configuration marks? Pure. */
#ifndef CLI_CONFIGURED_H
#define CLI_CONFIGURED_H

#include "config/config.h"
#include "config/name.h"

static inline bool configured_table(const struct config *config, const char *schema,
                                    const char *table)
{
    if (config->events.enabled &&
        name_same_table(schema, table, config->events.schema, config->events.table))
        return true;
    for (size_t i = 0; i < config->table_count; i++)
        if (name_same_table(schema, table, config->tables[i].schema, config->tables[i].table))
            return true;
    return false;
}

#endif
