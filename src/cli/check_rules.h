/* cli/check_rules.h - the rules of `walpiper check` that need no server. Pure. */
#ifndef CLI_CHECK_RULES_H
#define CLI_CHECK_RULES_H

#include "config/config.h"

bool plugin_is_known(const char *plugin);
/* LIST as the server shows output_plugin_libraries: True when one item holds several names, as
 * SET ... = 'a, b' makes it instead of SET ... = a, b. */
bool plugin_list_is_one_string(const char *list);

/* KEEP: max_slot_wal_keep_size in bytes, negative for none. */
bool lag_is_dangerous(int64_t lag, int64_t keep);
/* Megabytes that give a slot with LAG bytes room to come back. */
int64_t lag_room(int64_t lag);
/* "of N bytes that max_slot_wal_keep_size allows". */
void lag_limit(int64_t keep, char *text, size_t size);

/* May the column NAME of the events table be of TYPE (pg_type.typname)? ROLE: "id", "type", ...
 * NULL, or the types that fit. */
const char *events_column_complaint(const char *role, const char *type);

#endif
