#include "base/places.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Without memory an entry is not added, which is looked at. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct places_holder {
    UT_hash_handle hh;
    unsigned taken;
    char name[];
};

struct places {
    pthread_mutex_t lock;
    unsigned max;
    struct places_holder *by_name;
};

struct places *places_new(unsigned max)
{
    struct places *places = calloc(1, sizeof(*places));
    if (!places)
        return NULL;
    places->max = max;
    pthread_mutex_init(&places->lock, NULL);
    return places;
}

void places_free(struct places *places)
{
    struct places_holder *holder, *next;
    if (!places)
        return;
    HASH_ITER(hh, places->by_name, holder, next)
    {
        HASH_DEL(places->by_name, holder);
        free(holder);
    }
    pthread_mutex_destroy(&places->lock);
    free(places);
}

static struct places_holder *add(struct places *places, struct str name)
{
    struct places_holder *holder = calloc(1, sizeof(*holder) + name.len);
    if (!holder)
        return NULL;
    memcpy(holder->name, name.data, name.len);
    HASH_ADD(hh, places->by_name, name, name.len, holder);
    if (holder->hh.tbl)
        return holder;
    free(holder);
    return NULL;
}

struct places_holder *places_take(struct places *places, struct str name)
{
    struct places_holder *holder;
    pthread_mutex_lock(&places->lock);
    HASH_FIND(hh, places->by_name, name.data, name.len, holder);
    if (!holder)
        holder = add(places, name);
    if (holder && holder->taken < places->max)
        holder->taken++;
    else
        holder = NULL;
    pthread_mutex_unlock(&places->lock);
    return holder;
}

void places_give_back(struct places *places, struct places_holder *holder)
{
    if (!holder)
        return;
    pthread_mutex_lock(&places->lock);
    if (--holder->taken == 0) {
        HASH_DEL(places->by_name, holder);
        free(holder);
    }
    pthread_mutex_unlock(&places->lock);
}
