/* writer URL RATE EVENTS KEYS FIRST: commits one row a transaction into the table stamps, RATE a
 * second, whatever the server does meanwhile: what it has not answered waits in the connection. Row
 * i has k = i mod KEYS and the number FIRST + i div KEYS; the server puts the time into its stamp
 * (tally.h), last of all before the commit. Says in JSON how many a second it came to. */
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sysexits.h>

#define INSERT                                                                                     \
    "INSERT INTO stamps (k, stamp) VALUES ($1::int, '#' || $2::text || '@' || "                    \
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint || '#')"

struct plan {
    int64_t rate, events, keys, first;
};

struct writer {
    PGconn *conn;
    struct plan plan;
    int64_t sent, answered;
};

static int failed(struct writer *w, struct error *err)
{
    return error_set(err, -EIO, "%s", PQerrorMessage(w->conn));
}

static int writer_connect(struct writer *w, const char *url, struct error *err)
{
    w->conn = PQconnectdb(url);
    if (PQstatus(w->conn) != CONNECTION_OK)
        return failed(w, err);
    PGresult *result = PQprepare(w->conn, "insert", INSERT, 0, NULL);
    bool prepared = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (!prepared || !PQenterPipelineMode(w->conn) || PQsetnonblocking(w->conn, 1) < 0)
        return failed(w, err);
    return 0;
}

/* A Sync behind each: each is a transaction of its own. */
static int send_row(struct writer *w, struct error *err)
{
    char key[24], number[24];
    const char *values[] = {key, number};
    long long turn = w->sent / w->plan.keys;

    snprintf(key, sizeof(key), "%lld", (long long)w->sent % w->plan.keys);
    snprintf(number, sizeof(number), "%lld", turn + w->plan.first);
    if (!PQsendQueryPrepared(w->conn, "insert", 2, values, NULL, NULL, 0) ||
        !PQpipelineSync(w->conn))
        return failed(w, err);
    w->sent++;
    return 0;
}

static int take_answers(struct writer *w, struct error *err)
{
    if (!PQconsumeInput(w->conn))
        return failed(w, err);
    while (w->answered < w->sent && !PQisBusy(w->conn)) {
        PGresult *result = PQgetResult(w->conn);
        ExecStatusType status = PQresultStatus(result);
        PQclear(result);
        if (result == NULL || status == PGRES_COMMAND_OK)
            continue;
        if (status != PGRES_PIPELINE_SYNC)
            return failed(w, err);
        w->answered++;
    }
    return 0;
}

/* Until DUE_US (CLOCK_REALTIME), or until something can be read or written. */
static int wait_until(struct writer *w, int64_t due_us, struct error *err)
{
    int unsent = PQflush(w->conn);
    int64_t left_us = due_us - clock_wall_us();
    struct timespec left = {0};
    struct pollfd socket = {PQsocket(w->conn), (short)(POLLIN | (unsent > 0 ? POLLOUT : 0)), 0};

    if (unsent < 0)
        return failed(w, err);
    if (left_us > 0)
        left = (struct timespec){left_us / 1000000, left_us % 1000000 * 1000};
    if (ppoll(&socket, 1, &left, NULL) < 0 && errno != EINTR)
        return error_set(err, -errno, "poll: %s", strerror(errno));
    return take_answers(w, err);
}

static int write_all(struct writer *w, struct error *err)
{
    int64_t began_us = clock_wall_us();

    while (w->answered < w->plan.events) {
        int64_t due_us = began_us + w->sent * 1000000 / w->plan.rate;
        bool all_sent = w->sent == w->plan.events;
        int rc = 0;
        if (!all_sent && clock_wall_us() >= due_us)
            rc = send_row(w, err);
        else if (all_sent)
            due_us = clock_wall_us() + 1000000;
        if (rc == 0)
            rc = wait_until(w, due_us, err);
        if (rc < 0)
            return rc;
    }
    double seconds = (double)(clock_wall_us() - began_us) / 1e6;
    printf("{\"events\":%lld,\"seconds\":%.6f,\"per_second\":%.1f}\n", (long long)w->answered,
           seconds, (double)w->answered / seconds);
    return 0;
}

int main(int argc, char **argv)
{
    struct writer w = {0};
    struct error err = {0};

    if (argc != 6 || str_to_int64(str_from(argv[2]), &w.plan.rate) < 0 || w.plan.rate < 1 ||
        str_to_int64(str_from(argv[3]), &w.plan.events) < 0 ||
        str_to_int64(str_from(argv[4]), &w.plan.keys) < 0 || w.plan.keys < 1 ||
        str_to_int64(str_from(argv[5]), &w.plan.first) < 0) {
        fprintf(stderr, "writer: wrong usage: see the head of tests/bench/writer.c\n");
        return EX_USAGE;
    }
    int rc = writer_connect(&w, argv[1], &err);
    if (rc == 0)
        rc = write_all(&w, &err);
    if (rc < 0)
        fprintf(stderr, "writer: %s\n", err.text);
    PQfinish(w.conn);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
