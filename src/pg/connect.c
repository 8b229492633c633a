#include "pg/connect.h"
#include "pg/failure.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* How long one address of a server may take to accept and authenticate. libpq tries the next one
 * then. */
#define CONNECT_TIMEOUT_TEXT "10"
/* All addresses and the resolver together. */
#define CONNECT_LIMIT_S 60.0

#define KEYWORDS_MAX 20

struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    char *values[KEYWORDS_MAX + 1]; /* owned */
    size_t count;
    bool failed; /* for want of memory */
};

/* One attempt, shared by the thread that makes it and the loop that waits for it. Whoever is the
 * last to know of it frees it. */
struct connect_attempt {
    pthread_mutex_t lock;
    struct pg_connect *waiter; /* NULL: it does not wait any more */
    bool done;                 /* the thread has set what follows, and looks at nothing any more */
    PGconn *pg;                /* NULL: why not */
    struct error why;
    struct keywords keywords; /* the thread's */
};

/* --- parameters ------------------------------------------------------------------------------ */

static void keyword_add(struct keywords *k, const char *name, const char *value)
{
    if (!value || !*value || k->count == KEYWORDS_MAX)
        return;
    k->names[k->count] = name;
    k->values[k->count] = strdup(value);
    k->failed = k->failed || !k->values[k->count];
    k->count++;
}

static void keywords_release(struct keywords *k)
{
    for (size_t i = 0; i < k->count; i++)
        free(k->values[i]);
    *k = (struct keywords){.count = 0};
}

/* libpq lets a later keyword win over an earlier one, and the URL is expanded where the first
 * dbname stands: our defaults come first so that the URL overrides them, what must hold comes last.
 */
static int keywords_fill(struct keywords *k, const struct pg_params *params, bool replication)
{
    keyword_add(k, "keepalives_idle", "10");
    keyword_add(k, "keepalives_interval", "5");
    keyword_add(k, "keepalives_count", "3");
    keyword_add(k, "tcp_user_timeout", "30000");
    keyword_add(k, "connect_timeout", CONNECT_TIMEOUT_TEXT);
    keyword_add(k, "fallback_application_name", params->application_name);
    keyword_add(k, "dbname", params->url);
    keyword_add(k, "host", params->hostname);
    keyword_add(k, "port", params->port);
    keyword_add(k, "dbname", params->database);
    keyword_add(k, "user", params->username);
    keyword_add(k, "password", params->password);
    keyword_add(k, "host", params->place.host);
    keyword_add(k, "hostaddr", params->place.address);
    keyword_add(k, "port", params->place.port);
    keyword_add(k, "client_encoding", "UTF8");
    if (replication)
        keyword_add(k, "replication", "database");
    return k->failed ? -ENOMEM : 0;
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val ? options->val : "";
    return "";
}

/* A password in a URI ends at a '/' or '@' that is not escaped. What is left of it becomes a port
 * or a host, which libpq would tell. A host that begins with '@' is an abstract socket. */
static int check_place(const PQconninfoOption *parsed, struct error *err)
{
    const char *host = value_of(parsed, "host"), *port = value_of(parsed, "port");
    if (port[strspn(port, "0123456789,")] != '\0')
        return error_set(err, -EINVAL,
                         "database.url: a port that is no number; correct it, and write a '/' in a "
                         "password as %%2F");
    if (strchr(*host ? host + 1 : host, '@'))
        return error_set(err, -EINVAL,
                         "database.url: a host with an '@'; correct it, and write an '@' in a "
                         "password as %%40");
    return 0;
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
    int rc = check_place(parsed, err);
    PQconninfoFree(parsed);
    return rc;
}

static int keywords_make(struct keywords *k, const struct pg_params *params, bool replication,
                         struct error *err)
{
    int rc = check_url(params->url, err);
    if (rc < 0)
        return rc;
    if (keywords_fill(k, params, replication) < 0) {
        keywords_release(k);
        return error_set(err, -ENOMEM, "no memory for a connection");
    }
    return 0;
}

/* --- connecting, on whatever thread ---------------------------------------------------------- */

/* libpq prints notices to standard error unless told otherwise. */
static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/* libpq has a SQLSTATE for a refusal only in its verbose messages, and those it must be told to
 * make before it asks. So a server that has refused is asked once more: what it says decides
 * whether to try again at all. True when the second try succeeded. */
static bool ask_again(PGconn *pg, struct error *why)
{
    PQsetErrorVerbosity(pg, PQERRORS_VERBOSE);
    PQreset(pg);
    PQsetErrorVerbosity(pg, PQERRORS_DEFAULT);
    if (PQstatus(pg) == CONNECTION_OK)
        return true;
    pg_failure_add_sqlstate(why, PQerrorMessage(pg));
    return false;
}

/* Blocks, in the resolver too. The connection, or NULL and WHY. */
static PGconn *connect_now(const struct keywords *k, struct error *why)
{
    PGconn *pg = PQconnectdbParams(k->names, (const char *const *)k->values, 1);
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    if (PQstatus(pg) == CONNECTION_OK)
        return pg;
    bool refused = pg_failure_of_connecting(why, pg);
    if (refused && ask_again(pg, why))
        return pg;
    pg_failure_add_mend(why, PQuser(pg));
    PQfinish(pg);
    return NULL;
}

int pg_connect_wait(PGconn **ret_pg, const struct pg_params *params, bool replication,
                    struct error *err)
{
    struct keywords k = {.count = 0};
    struct error why = {0};
    int rc = keywords_make(&k, params, replication, err);
    if (rc < 0)
        return rc;
    PGconn *pg = connect_now(&k, &why);
    keywords_release(&k);
    if (!pg) {
        if (err)
            *err = why;
        return why.code;
    }
    *ret_pg = pg;
    return 0;
}

/* --- on a thread of its own ------------------------------------------------------------------ */

static void attempt_free(struct connect_attempt *a)
{
    PQfinish(a->pg);
    keywords_release(&a->keywords);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static void *attempt_main(void *arg)
{
    struct connect_attempt *a = arg;
    struct error why = {0};
    PGconn *pg = connect_now(&a->keywords, &why);
    pthread_mutex_lock(&a->lock);
    a->pg = pg;
    a->why = why;
    a->done = true;
    bool wanted = a->waiter;
    if (wanted)
        loop_wake(a->waiter->loop, &a->waiter->wakeup);
    pthread_mutex_unlock(&a->lock);
    if (!wanted)
        attempt_free(a);
    return NULL;
}

/* Nobody joins it: a resolver that hangs cannot be called back. Signals are for the loops. */
static int attempt_run(struct connect_attempt *a)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&thread, NULL, attempt_main, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0)
        pthread_detach(thread);
    return -code;
}

/* Takes what the attempt has given, or leaves it to itself. */
static void attempt_leave(struct pg_connect *c, PGconn **ret_pg, struct error *ret_why)
{
    struct connect_attempt *a = c->attempt;
    c->attempt = NULL;
    loop_wakeup_stop(c->loop, &c->wakeup);
    ev_timer_stop(c->loop->ev, &c->deadline);
    pthread_mutex_lock(&a->lock);
    a->waiter = NULL;
    bool done = a->done;
    pthread_mutex_unlock(&a->lock);
    if (!done)
        return;
    if (ret_pg) {
        *ret_pg = a->pg;
        *ret_why = a->why;
        a->pg = NULL;
    }
    attempt_free(a);
}

static void on_wake(struct loop_wakeup *wakeup)
{
    struct pg_connect *c =
        (struct pg_connect *)((char *)wakeup - offsetof(struct pg_connect, wakeup));
    PGconn *pg = NULL;
    struct error why = {0};
    attempt_leave(c, &pg, &why);
    if (pg && PQsetnonblocking(pg, 1) != 0) {
        pg_failure_of_connection(&why, pg);
        PQfinish(pg);
        pg = NULL;
    }
    c->on_done(c->owner, pg, pg ? NULL : &why);
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int events)
{
    struct pg_connect *c = timer->data;
    struct error why = {0};
    (void)ev;
    (void)events;
    attempt_leave(c, NULL, NULL);
    error_set(&why, -ETIMEDOUT,
              "the server did not answer within %.0f s, or its name is not resolved",
              CONNECT_LIMIT_S);
    c->on_done(c->owner, NULL, &why);
}

int pg_connect_start(struct pg_connect *c, const struct pg_params *params, bool replication,
                     struct error *err)
{
    struct connect_attempt *a = calloc(1, sizeof(*a));
    if (!a)
        return error_set(err, -ENOMEM, "no memory for a connection");
    pthread_mutex_init(&a->lock, NULL);
    a->waiter = c;
    int rc = keywords_make(&a->keywords, params, replication, err);
    if (rc < 0) {
        attempt_free(a);
        return rc;
    }
    c->attempt = a;
    c->wakeup.on_wake = on_wake;
    loop_wakeup_start(c->loop, &c->wakeup);
    ev_timer_init(&c->deadline, on_deadline, CONNECT_LIMIT_S, 0.);
    c->deadline.data = c;
    ev_timer_start(c->loop->ev, &c->deadline);
    rc = attempt_run(a);
    if (rc < 0) {
        a->done = true;
        pg_connect_cancel(c);
        return error_set(err, rc, "no thread for a connection: %s", strerror(-rc));
    }
    return 0;
}

void pg_connect_cancel(struct pg_connect *c)
{
    if (c->attempt)
        attempt_leave(c, NULL, NULL);
}
