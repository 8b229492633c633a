#include "pg/connect.h"
#include "pg/failure.h"
#include <errno.h>
#include <stdlib.h>

/* How long a server may take to accept and authenticate. */
#define CONNECT_TIMEOUT_S 30.0
#define CONNECT_TIMEOUT_TEXT "30" /* the same, for libpq when it blocks */

#define KEYWORDS_MAX 16

struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    size_t count;
};

static void keyword_add(struct keywords *k, const char *name, const char *value)
{
    if (!value || !*value || k->count == KEYWORDS_MAX)
        return;
    k->names[k->count] = name;
    k->values[k->count] = value;
    k->count++;
}

/* libpq lets a later keyword win over an earlier one, and the URL is expanded where dbname stands:
 * our defaults come first so that the URL overrides them, what must hold comes last. */
static void keywords_fill(struct keywords *k, const struct pg_params *params, bool replication)
{
    keyword_add(k, "keepalives_idle", "10");
    keyword_add(k, "keepalives_interval", "5");
    keyword_add(k, "keepalives_count", "3");
    keyword_add(k, "tcp_user_timeout", "30000");
    keyword_add(k, "connect_timeout", CONNECT_TIMEOUT_TEXT);
    keyword_add(k, "fallback_application_name", params->application_name);
    if (params->url && *params->url) {
        keyword_add(k, "dbname", params->url);
    } else {
        keyword_add(k, "host", params->hostname);
        keyword_add(k, "port", params->port);
        keyword_add(k, "dbname", params->database);
        keyword_add(k, "user", params->username);
        keyword_add(k, "password", params->password);
    }
    keyword_add(k, "client_encoding", "UTF8");
    if (replication)
        keyword_add(k, "replication", "database");
}

/* libpq prints notices to standard error unless told otherwise. */
static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static void finish(struct pg_connect *c, const struct error *err)
{
    ev_io_stop(c->loop->ev, &c->io);
    ev_timer_stop(c->loop->ev, &c->deadline);
    PGconn *pg = c->pg;
    c->pg = NULL;
    if (err) {
        PQfinish(pg);
        pg = NULL;
    }
    c->on_done(c->owner, pg, err);
}

static void fail(struct pg_connect *c)
{
    struct error err = {0};
    pg_failure_of_connection(&err, c->pg);
    finish(c, &err);
}

/* The socket may be another one after each poll: several hosts, or a retry without TLS. */
static void watch(struct pg_connect *c, int events)
{
    ev_io_stop(c->loop->ev, &c->io);
    ev_io_set(&c->io, PQsocket(c->pg), events);
    ev_io_start(c->loop->ev, &c->io);
}

static void on_socket(struct ev_loop *ev, ev_io *io, int events)
{
    struct pg_connect *c = io->data;
    (void)ev;
    (void)events;
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING:
        watch(c, EV_READ);
        break;
    case PGRES_POLLING_WRITING:
        watch(c, EV_WRITE);
        break;
    case PGRES_POLLING_OK:
        if (PQsetnonblocking(c->pg, 1) != 0)
            fail(c);
        else
            finish(c, NULL);
        break;
    default:
        fail(c);
    }
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct pg_connect *c = timer->data;
    struct error err = {0};
    (void)ev;
    (void)events;
    if (PQstatus(c->pg) == CONNECTION_BAD)
        pg_failure_of_connection(&err, c->pg);
    else
        error_set(&err, -ETIMEDOUT, "the server at \"%s\" did not answer within %.0f s",
                  PQhost(c->pg) ? PQhost(c->pg) : "", CONNECT_TIMEOUT_S);
    finish(c, &err);
}

/* libpq quotes what it cannot parse, passwords included: its words are not repeated. */
static int check_url(const char *url, struct error *err)
{
    if (!url || !*url)
        return 0;
    PQconninfoOption *parsed = PQconninfoParse(url, NULL);
    if (!parsed)
        return error_set(
            err, -EINVAL,
            "database.url: not a libpq URI (postgresql://user@host/database) and not a "
            "list of key=value; correct it");
    PQconninfoFree(parsed);
    return 0;
}

int pg_connect_start(struct pg_connect *c, const struct pg_params *params, bool replication,
                     struct error *err)
{
    int rc = check_url(params->url, err);
    if (rc < 0)
        return rc;
    struct keywords k = {.count = 0};
    keywords_fill(&k, params, replication);
    c->pg = PQconnectStartParams(k.names, k.values, 1);
    if (!c->pg)
        return error_set(err, -ENOMEM, "no memory for a connection");
    PQsetNoticeReceiver(c->pg, ignore_notice, NULL);
    bool refused = PQstatus(c->pg) == CONNECTION_BAD;
    ev_init(&c->io, on_socket);
    c->io.data = c;
    ev_timer_init(&c->deadline, on_deadline, refused ? 0. : CONNECT_TIMEOUT_S, 0.);
    c->deadline.data = c;
    ev_timer_start(c->loop->ev, &c->deadline);
    if (!refused)
        watch(c, EV_WRITE);
    return 0;
}

void pg_connect_cancel(struct pg_connect *c)
{
    if (!c->pg)
        return;
    ev_io_stop(c->loop->ev, &c->io);
    ev_timer_stop(c->loop->ev, &c->deadline);
    PQfinish(c->pg);
    c->pg = NULL;
}

int pg_connect_wait(PGconn **ret_pg, const struct pg_params *params, bool replication,
                    struct error *err)
{
    int rc = check_url(params->url, err);
    if (rc < 0)
        return rc;
    struct keywords k = {.count = 0};
    keywords_fill(&k, params, replication);
    PGconn *pg = PQconnectdbParams(k.names, k.values, 1);
    if (PQstatus(pg) != CONNECTION_OK) {
        rc = pg_failure_of_connection(err, pg);
        PQfinish(pg);
        return rc;
    }
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    *ret_pg = pg;
    return 0;
}
