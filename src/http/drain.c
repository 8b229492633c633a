/* Goodbyes. All clients sent away in one moment would come back in one, to the next instance, which
 * has just started and reads the disk for each of them. So the streams, and the requests that wait,
 * are ended a batch at a time; until its turn comes a stream is served as ever. The size of a batch
 * is settled at the start: a machine that is slow takes longer rather than all at once. */
#include "http/server_state.h"

#define TICK_MS 20
#define BATCH_MIN 20 /* a thousand a second do no harm: few are not kept waiting */

static bool has_goodbye(const struct connection *connection)
{
    return connection->state == CONNECTION_STREAM || connection->state == CONNECTION_WAITING;
}

static void say_goodbyes(struct http_server *server)
{
    for (size_t left = server->drain_batch; left > 0 && !list_empty(&server->undrained); left--) {
        struct link *first = server->undrained.next;
        list_remove(first);
        list_append(&server->connections, first);
        connection_drain(LIST_ITEM(first, struct connection, all));
    }
    if (list_empty(&server->undrained))
        ev_timer_stop(server->loop->ev, &server->drain_tick);
}

static void on_tick(struct ev_loop *ev, ev_timer *tick, int events)
{
    say_goodbyes(tick->data);
}

void drain_add(struct connection *connection)
{
    struct http_server *server = connection->server;
    list_remove(&connection->all);
    list_append(&server->undrained, &connection->all);
    if (!ev_is_active(&server->drain_tick))
        ev_timer_start(server->loop->ev, &server->drain_tick);
}

static size_t batch_for(const struct http_server *server, size_t count)
{
    if (server->drain_ms == 0)
        return count;
    size_t batch = (count * TICK_MS + server->drain_ms - 1) / server->drain_ms;
    return batch > BATCH_MIN ? batch : BATCH_MIN;
}

void drain_start(struct http_server *server)
{
    struct link all;
    size_t count = 0;
    server->draining = true;
    ev_timer_init(&server->drain_tick, on_tick, TICK_MS / 1e3, TICK_MS / 1e3);
    server->drain_tick.data = server;
    list_init(&all);
    list_move_all(&all, &server->connections);
    /* Connections close from callbacks of the loop only: nobody else takes them out meanwhile. */
    while (!list_empty(&all)) {
        struct connection *connection = LIST_ITEM(all.next, struct connection, all);
        list_remove(&connection->all);
        list_append(&server->connections, &connection->all);
        if (has_goodbye(connection)) {
            drain_add(connection);
            count++;
        } else {
            connection_drain(connection);
        }
    }
    server->drain_batch = batch_for(server, count) + 1; /* for one that begins meanwhile */
    say_goodbyes(server);
}
