#include "cli/check_rules.h"
#include <stdio.h>
#include <string.h>

bool plugin_is_known(const char *plugin)
{
    return strcmp(plugin, "wal2json") == 0 || strcmp(plugin, "pgoutput") == 0;
}

bool plugin_list_is_one_string(const char *list)
{
    bool quoted = false;
    for (; *list; list++) {
        quoted ^= *list == '"';
        if (quoted && *list == ',')
            return true;
    }
    return false;
}

/* Four fifths: there is some time left to act. */
bool lag_is_dangerous(int64_t lag, int64_t keep)
{
    return keep >= 0 && lag >= keep / 5 * 4;
}

int64_t lag_room(int64_t lag)
{
    int64_t megabytes = lag > 0 ? lag / (1024 * 1024) : 0;
    return megabytes < 512 ? 1024 : megabytes * 2;
}

void lag_limit(int64_t keep, char *text, size_t size)
{
    if (keep < 0)
        snprintf(text, size, "without a limit (max_slot_wal_keep_size = -1)");
    else
        snprintf(text, size, "of %lld that max_slot_wal_keep_size allows", (long long)keep);
}

static bool is_one_of(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

const char *events_column_complaint(const char *role, const char *type)
{
    static const char *const integers[] = {"int2", "int4", "int8", NULL};
    static const char *const texts[] = {"text", "varchar", "bpchar", "name", "citext",
                                        "uuid", "int2",    "int4",   "int8", NULL};
    static const char *const times[] = {"timestamptz", "timestamp", NULL};

    if (strcmp(role, "id") == 0)
        return is_one_of(type, integers) ? NULL : "bigint, integer or smallint";
    if (strcmp(role, "consumer") == 0)
        return is_one_of(type, texts) ? NULL : "text, varchar, uuid or an integer";
    if (strcmp(role, "timestamp") == 0)
        return is_one_of(type, times) ? NULL : "timestamptz or timestamp";
    return NULL;
}
