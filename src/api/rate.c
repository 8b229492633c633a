#include "api/rate.h"

#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

/* Without memory an entry is not added, which is looked at. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define SECOND_US UINT64_C(1000000)
#define FULL_WAIT_MS 1000 /* while there is no bucket for another client */

/* The bucket by the time at which it is full again: what is missing is what lies ahead. */
struct bucket {
    uint64_t client; /* a hash */
    uint64_t full_us;
    UT_hash_handle hh;
};

struct rate {
    pthread_mutex_t lock;
    uint64_t token_us; /* the time in which one comes back */
    struct bucket *buckets;
};

struct rate *rate_new(unsigned per_second)
{
    struct rate *rate = calloc(1, sizeof(*rate));

    if (rate == NULL)
        return NULL;
    pthread_mutex_init(&rate->lock, NULL);
    rate->token_us = SECOND_US / per_second;
    return rate;
}

static void forget(struct rate *rate, struct bucket *bucket)
{
    HASH_DEL(rate->buckets, bucket);
    free(bucket);
}

static void forget_full(struct rate *rate, uint64_t now_us)
{
    struct bucket *bucket, *next;

    HASH_ITER(hh, rate->buckets, bucket, next)
    {
        if (bucket->full_us <= now_us)
            forget(rate, bucket);
    }
}

void rate_free(struct rate *rate)
{
    if (rate == NULL)
        return;
    forget_full(rate, UINT64_MAX);
    pthread_mutex_destroy(&rate->lock);
    free(rate);
}

/* A full one; NULL when there is no room. */
static struct bucket *add(struct rate *rate, uint64_t client, uint64_t now_us)
{
    if (HASH_COUNT(rate->buckets) >= RATE_CLIENTS_MAX)
        forget_full(rate, now_us);
    if (HASH_COUNT(rate->buckets) >= RATE_CLIENTS_MAX)
        return NULL;
    struct bucket *bucket = calloc(1, sizeof(*bucket));
    if (bucket == NULL)
        return NULL;
    bucket->client = client;
    HASH_ADD(hh, rate->buckets, client, sizeof(bucket->client), bucket);
    if (bucket->hh.tbl != NULL)
        return bucket;
    free(bucket);
    return NULL;
}

static uint64_t take(struct rate *rate, struct bucket *bucket, uint64_t now_us)
{
    uint64_t missing_us = bucket->full_us > now_us ? bucket->full_us - now_us : 0;

    if (missing_us + rate->token_us > SECOND_US)
        return (missing_us + rate->token_us - SECOND_US + 999) / 1000;
    bucket->full_us = now_us + missing_us + rate->token_us;
    return 0;
}

uint64_t rate_take(struct rate *rate, struct str client, uint64_t now_ms)
{
    uint64_t hash = XXH3_64bits(client.data, client.len);
    uint64_t now_us = now_ms * 1000;
    struct bucket *bucket;

    pthread_mutex_lock(&rate->lock);
    HASH_FIND(hh, rate->buckets, &hash, sizeof(hash), bucket);
    if (bucket == NULL)
        bucket = add(rate, hash, now_us);
    uint64_t wait_ms = bucket != NULL ? take(rate, bucket, now_us) : FULL_WAIT_MS;
    pthread_mutex_unlock(&rate->lock);
    return wait_ms;
}
