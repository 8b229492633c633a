#include "operator/parked.h"
#include <errno.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define DELAY_MAX_MS (3600u * 1000)

struct parked_id {
    UT_hash_handle hh;
    char text[];
};

static struct parked_id *find(const struct parked *parked, struct str text)
{
    struct parked_id *id = NULL;
    const char *key = text.data ? text.data : "";
    HASH_FIND(hh, parked->ids, key, text.len, id);
    return id;
}

bool parked_has(const struct parked *parked, struct str id)
{
    return find(parked, id) != NULL;
}

int parked_add(struct parked *parked, struct str text)
{
    if (find(parked, text))
        return 0;
    struct parked_id *id = calloc(1, sizeof(*id) + text.len + 1);
    if (!id)
        return -ENOMEM;
    if (text.len > 0)
        memcpy(id->text, text.data, text.len);
    HASH_ADD_KEYPTR(hh, parked->ids, id->text, text.len, id);
    if (!id->hh.tbl) { /* no memory for the table */
        free(id);
        return -ENOMEM;
    }
    parked->count++;
    return 0;
}

void parked_remove(struct parked *parked, struct str text)
{
    struct parked_id *id = find(parked, text);
    if (!id)
        return;
    HASH_DEL(parked->ids, id);
    free(id);
    parked->count--;
}

void parked_clear(struct parked *parked)
{
    struct parked_id *id, *next;
    HASH_ITER(hh, parked->ids, id, next)
    {
        HASH_DEL(parked->ids, id);
        free(id);
    }
    parked->count = 0;
}

enum parked_fate parked_fate(const struct config *config, const struct config_operator *op,
                             unsigned failures)
{
    if (op->on_error == CONFIG_PARK || failures <= config->retry.max_retries)
        return PARKED_AGAIN;
    return op->on_error == CONFIG_STOP ? PARKED_STOPS : PARKED_DROPPED;
}

uint64_t parked_delay_ms(const struct config *config, unsigned failures)
{
    double delay = config->retry.min_restart_ms, max = config->retry.max_restart_ms;
    double longest = max > DELAY_MAX_MS ? max : DELAY_MAX_MS;
    for (unsigned failure = 2; failure <= failures && delay < longest; failure++) {
        bool retries = failure <= config->retry.max_retries;
        double limit = retries ? max : longest;
        delay *= retries ? config->retry.multiplicator : 2;
        if (delay > limit)
            delay = limit;
    }
    return (uint64_t)delay;
}
