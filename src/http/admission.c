/* Who is taken in. A client over a limit is not just dropped: it gets a place for as long as it
 * takes to hear its request and tell it in a way that it understands. Those places are few and
 * short; past them it is told blindly. */
#include "http/server_state.h"
#include <sys/socket.h>
#include <unistd.h>

#define SHED_MAX 1024 /* clients over a limit that are listened to at a time */

void admission_turn_away(int fd, int status)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                               "Retry-After: 5\r\nConnection: close\r\n\r\n";
    static const char many[] = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n"
                               "Retry-After: 5\r\nConnection: close\r\n\r\n";
    struct str answer = status == 429 ? STR(many) : STR(busy);
    (void)!send(fd, answer.data, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

static bool is_full(const struct http_server *server)
{
    size_t served = server->connection_count - server->shed_count;
    return server->max_connections > 0 && served >= server->max_connections;
}

/* A place among those of the client, if they are counted. False: it has as many as it may. */
static bool take_place(const struct http_server *server, const struct address *address,
                       struct places_holder **ret_place)
{
    struct places_holder *place = NULL;
    if (server->clients && address->kind == ADDRESS_IP) {
        struct address client = address_client(address);
        place = places_take(server->clients,
                            (struct str){(const char *)client.bytes, sizeof(client.bytes)});
        if (!place)
            return false;
    }
    *ret_place = place;
    return true;
}

static void count_refusal(struct http_server *server, int status)
{
    struct http_counters *counters = &server->counters;
    http_count(status == 429 ? &counters->refused_client : &counters->refused_server);
}

/* STATUS 0: welcome. */
static void settle(struct connection *connection, int status)
{
    struct http_server *server = connection->server;
    connection->shed = status;
    if (status == 0)
        return;
    server->shed_count++;
    count_refusal(server, status);
    connection_set_state(connection, CONNECTION_IDLE); /* its time is shorter */
}

void admission_take(struct http_server *server, int fd, const struct address *address)
{
    struct places_holder *place = NULL;
    int status = is_full(server) ? 503 : 0;
    if (status == 0 && !server->proxy_protocol && !take_place(server, address, &place))
        status = 429;
    if (status != 0 && server->shed_count >= SHED_MAX) {
        count_refusal(server, status);
        admission_turn_away(fd, status);
        return;
    }
    struct connection *connection = connection_new(server, fd);
    if (!connection) {
        http_count(&server->counters.refused_machine);
        places_give_back(server->clients, place);
        return;
    }
    connection->place = place;
    connection->awaits_proxy = server->proxy_protocol;
    if (!connection->awaits_proxy)
        connection->client = *address;
    if (status == 0)
        http_count(&server->counters.connections);
    settle(connection, status);
}

void admission_proxied(struct connection *connection)
{
    connection->awaits_proxy = false;
    if (connection->shed == 0)
        settle(connection,
               take_place(connection->server, &connection->client, &connection->place) ? 0 : 429);
}
