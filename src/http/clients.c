#include "http/clients.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Without memory an entry is not added, which is looked at. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct client {
    unsigned char bytes[HTTP_ADDRESS_BYTES];
    unsigned connections;
    UT_hash_handle hh;
};

struct http_clients {
    pthread_mutex_t lock;
    unsigned max;
    struct client *by_address;
};

struct http_clients *http_clients_new(unsigned max)
{
    struct http_clients *clients = calloc(1, sizeof(*clients));
    if (!clients)
        return NULL;
    clients->max = max;
    pthread_mutex_init(&clients->lock, NULL);
    return clients;
}

void http_clients_free(struct http_clients *clients)
{
    struct client *client, *next;
    if (!clients)
        return;
    HASH_ITER(hh, clients->by_address, client, next)
    {
        HASH_DEL(clients->by_address, client);
        free(client);
    }
    pthread_mutex_destroy(&clients->lock);
    free(clients);
}

static struct client *find(struct http_clients *clients, const struct http_address *address)
{
    struct http_address key = http_address_client(address);
    struct client *client;
    HASH_FIND(hh, clients->by_address, key.bytes, sizeof(key.bytes), client);
    return client;
}

static struct client *add(struct http_clients *clients, const struct http_address *address)
{
    struct http_address key = http_address_client(address);
    struct client *client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    memcpy(client->bytes, key.bytes, sizeof(client->bytes));
    HASH_ADD(hh, clients->by_address, bytes, sizeof(client->bytes), client);
    if (client->hh.tbl)
        return client;
    free(client);
    return NULL;
}

bool http_clients_enter(struct http_clients *clients, const struct http_address *address)
{
    pthread_mutex_lock(&clients->lock);
    struct client *client = find(clients, address);
    if (!client)
        client = add(clients, address);
    bool may = client && client->connections < clients->max;
    if (may)
        client->connections++;
    pthread_mutex_unlock(&clients->lock);
    return may;
}

void http_clients_leave(struct http_clients *clients, const struct http_address *address)
{
    pthread_mutex_lock(&clients->lock);
    struct client *client = find(clients, address);
    if (--client->connections == 0) {
        HASH_DEL(clients->by_address, client);
        free(client);
    }
    pthread_mutex_unlock(&clients->lock);
}
