#include "http/clients.h"
#include "unit.h"
#include <pthread.h>

static struct http_address client(unsigned char last)
{
    const unsigned char bytes[4] = {192, 0, 2, last};
    return http_address_v4(bytes);
}

/* Each has its own limit; a place that is left can be had again. */
START_TEST(test_limit)
{
    struct http_clients *clients = http_clients_new(2);
    struct http_address one = client(1), other = client(2);
    ck_assert(http_clients_enter(clients, &one));
    ck_assert(http_clients_enter(clients, &one));
    ck_assert(!http_clients_enter(clients, &one));
    ck_assert(http_clients_enter(clients, &other));
    http_clients_leave(clients, &one);
    ck_assert(http_clients_enter(clients, &one));
    ck_assert(!http_clients_enter(clients, &one));
    http_clients_free(clients); /* with some left in it */
    http_clients_free(NULL);
}
END_TEST

static void *come_and_go(void *context)
{
    struct http_clients *clients = context;
    for (unsigned i = 0; i < 20000; i++) {
        struct http_address address = client((unsigned char)(i % 7));
        if (http_clients_enter(clients, &address))
            http_clients_leave(clients, &address);
    }
    return NULL;
}

/* All loops of the process count in it at the same time, and no count is lost. */
START_TEST(test_threads)
{
    struct http_clients *clients = http_clients_new(3);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, clients), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    for (unsigned char i = 0; i < 7; i++) {
        struct http_address address = client(i);
        for (int j = 0; j < 3; j++)
            ck_assert(http_clients_enter(clients, &address));
        ck_assert(!http_clients_enter(clients, &address));
    }
    http_clients_free(clients);
}
END_TEST

UNIT_SUITE("http/clients", test_limit, test_threads)
