/* subscribers: a load generator. Opens many subscriptions, counts what each gets, and says at the
 * end, in one line of JSON, how fast it came and whether it was right; exit status 1 when it was
 * not.
 *
 *   subscribers --to ADDRESS:PORT --path /streams/stamps?k=eq.%d --subscribers N
 *       [--filters K] [--receivers R] [--first N] [--events E] [--patience SECONDS] [--stay]
 *   subscribers --stdin --events E ...      what a pipe brings, as one subscriber
 *
 * Each event holds a stamp (tally.h). On standard output come `ready` when all are subscribed, and
 * `all NUMBER` when each has that event and those before it: a writer that waits for it sends one
 * event at a time. It ends when all is there, when nothing has come for so long, when the server
 * has left, or at SIGTERM; without --events only so. */
#include "base/clock.h"
#include "fleet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#define TURN_MS 100
#define PATIENCE_SECONDS 20

struct run {
    struct fleet_options fleet_options;
    struct tally_plan plan;
    uint64_t patience_ms;
    bool from_stdin;
    bool stays;
    bool is_complete;
    uint64_t said;               /* of reading.complete */
    uint64_t progress, moved_ms; /* when there was some */
    struct tally tally;
    struct reading reading;
    struct fleet fleet;
};

static volatile sig_atomic_t stopped;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void say(const char *line, int len)
{
    if (write(STDOUT_FILENO, line, (size_t)len) != len)
        stopped = 1; /* nobody listens any more */
}

/* Once a turn: a line for each event would cost more than to receive it. */
static void say_complete(struct run *r)
{
    char line[32];
    unsigned long long number = r->reading.complete;

    if (r->said == number)
        return;
    r->said = number;
    say(line, snprintf(line, sizeof(line), "all %llu\n", number));
}

/* --- the command line ------------------------------------------------------------------------ */

static int parse_server(const char *text, struct sockaddr_in *ret_server)
{
    struct str rest = str_from(text);
    struct str host = str_cut(&rest, ':');
    struct sockaddr_in server = {.sin_family = AF_INET};
    char address[INET_ADDRSTRLEN];
    int64_t port;

    if (rest.data == NULL || str_to_int64(rest, &port) < 0 || port < 1 || port > UINT16_MAX ||
        host.len >= sizeof(address))
        return -EINVAL;
    snprintf(address, sizeof(address), "%.*s", STR_ARG(host));
    server.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, address, &server.sin_addr) != 1)
        return -EINVAL;
    *ret_server = server;
    return 0;
}

static int parse_count(struct run *r, int option, const char *text)
{
    int64_t number;

    if (str_to_int64(str_from(text), &number) < 0 || number < 0 || number > INT32_MAX)
        return -EINVAL;
    if (option == 'n')
        r->fleet_options.subscribers = (unsigned)number;
    else if (option == 'f')
        r->fleet_options.filters = (unsigned)number;
    else if (option == 'r')
        r->plan.receivers = (unsigned)number;
    else if (option == 'x')
        r->plan.first = (uint64_t)number;
    else if (option == 'e')
        r->plan.count = (uint64_t)number;
    else if (option == 'p')
        r->patience_ms = (uint64_t)number * 1000;
    else
        return -EINVAL;
    return 0;
}

static int parse_option(struct run *r, int option, const char *text)
{
    if (option == 't')
        return parse_server(text, &r->fleet_options.server);
    if (option == 'a')
        r->fleet_options.path = text;
    else if (option == 'i')
        r->from_stdin = true;
    else if (option == 's')
        r->stays = true;
    else
        return parse_count(r, option, text);
    return 0;
}

static int parse_command_line(struct run *r, int argc, char **argv)
{
    static const struct option options[] = {
        {"to", required_argument, NULL, 't'},
        {"path", required_argument, NULL, 'a'},
        {"subscribers", required_argument, NULL, 'n'},
        {"filters", required_argument, NULL, 'f'},
        {"receivers", required_argument, NULL, 'r'},
        {"first", required_argument, NULL, 'x'},
        {"events", required_argument, NULL, 'e'},
        {"patience", required_argument, NULL, 'p'},
        {"stdin", no_argument, NULL, 'i'},
        {"stay", no_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
        if (parse_option(r, option, optarg) < 0)
            return -EINVAL;
    const struct fleet_options *fleet = &r->fleet_options;
    bool is_complete = r->from_stdin || (fleet->path != NULL && fleet->server.sin_port != 0);
    return is_complete && fleet->subscribers > 0 && optind == argc ? 0 : -EINVAL;
}

/* --- the run --------------------------------------------------------------------------------- */

/* After each turn, which brought something or not. */
static void review(struct run *r)
{
    /* Heartbeats are no progress. */
    uint64_t progress = r->tally.deliveries + r->reading.ready;
    uint64_t now_ms = clock_monotonic_ms();
    bool was_complete = r->is_complete;

    say_complete(r);
    if (progress != r->progress || r->plan.count == 0)
        r->moved_ms = now_ms;
    r->progress = progress;
    r->is_complete = r->plan.count > 0 && tally_missing(&r->tally) == 0;
    if (r->is_complete && !was_complete && r->stays)
        say("complete\n", 9);
    if (r->is_complete ? !r->stays : now_ms - r->moved_ms > r->patience_ms)
        stopped = 1;
}

static int read_pipe(struct run *r, struct intake *intake)
{
    static char bytes[64 << 10];
    struct pollfd pipe = {STDIN_FILENO, POLLIN, 0};

    if (poll(&pipe, 1, TURN_MS) <= 0)
        return 0;
    ssize_t len = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (len <= 0)
        return -EPIPE;
    r->fleet.bytes += (uint64_t)len;
    return intake_feed(intake, &r->reading, (struct str){bytes, (size_t)len}, clock_wall_us());
}

static int run_pipe(struct run *r)
{
    struct intake intake;
    int rc = 0;

    intake_init(&intake, 0, INTAKE_LINES);
    say("ready\n", 6);
    while (rc == 0 && !stopped) {
        rc = read_pipe(r, &intake);
        review(r);
    }
    intake_release(&intake);
    return 0; /* what has not come is missing */
}

static int run_fleet(struct run *r, struct error *err)
{
    unsigned wanted = r->fleet_options.subscribers;
    bool is_ready = false;
    int rc = fleet_init(&r->fleet, &r->fleet_options, &r->reading, err);
    if (rc < 0)
        return rc;
    while (rc == 0 && !stopped && r->fleet.closed + r->reading.refused < wanted) {
        rc = fleet_turn(&r->fleet, TURN_MS, err);
        if (!is_ready && r->reading.ready == wanted)
            say("ready\n", 6);
        is_ready = r->reading.ready == wanted;
        review(r);
    }
    fleet_release(&r->fleet);
    return rc;
}

/* --- the report ------------------------------------------------------------------------------ */

static void print_histogram(const char *name, const struct histogram *h)
{
    printf(",\"%s\":{\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"p999\":%llu,\"max\":%llu}", name,
           (unsigned long long)histogram_quantile(h, 500),
           (unsigned long long)histogram_quantile(h, 900),
           (unsigned long long)histogram_quantile(h, 990),
           (unsigned long long)histogram_quantile(h, 999), (unsigned long long)h->max);
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* True when each receiver has got its events, once, in order, and nobody anything else. */
static bool print_faults(const struct run *r)
{
    const struct tally *t = &r->tally;
    uint64_t missing = tally_missing(t);
    unsigned silent = r->fleet.started - r->reading.ready - r->reading.refused;
    bool is_right = missing == 0 && t->repeated == 0 && t->disordered == 0 && t->stray == 0 &&
                    r->reading.unreadable == 0 && r->fleet.cut == 0 && r->fleet.closed == 0 &&
                    r->reading.refused == 0 && silent == 0;

    printf(",\"missing\":%llu,\"repeated\":%llu,\"disordered\":%llu,\"stray\":%llu,"
           "\"unreadable\":%llu,\"cut\":%u,\"closed\":%u,\"refused\":%u,\"right\":%s}\n",
           (unsigned long long)missing, (unsigned long long)t->repeated,
           (unsigned long long)t->disordered, (unsigned long long)t->stray,
           (unsigned long long)r->reading.unreadable, r->fleet.cut, r->fleet.closed,
           r->reading.refused, is_right ? "true" : "false");
    return is_right;
}

static bool print_report(const struct run *r)
{
    const struct tally *t = &r->tally;
    double seconds = (double)(t->last_us - t->first_us) / 1e6;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf(
        "{\"connected\":%u,\"deliveries\":%llu,\"bytes\":%llu,\"first_us\":%lld,\"last_us\":%lld,"
        "\"seconds\":%.6f,\"per_second\":%.1f,\"spread_seconds\":%.6f,\"cpu_seconds\":%.6f",
        r->reading.ready, (unsigned long long)t->deliveries, (unsigned long long)r->fleet.bytes,
        (long long)t->first_us, (long long)t->last_us, seconds,
        seconds > 0 ? (double)t->deliveries / seconds : 0, t->spread_seconds,
        seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    print_histogram("latency_us", &t->latency);
    print_histogram("everybody_us", &t->everybody);
    return print_faults(r);
}

int main(int argc, char **argv)
{
    static struct run run = {
        .fleet_options = {.subscribers = 1},
        .plan = {.first = 1, .receivers = UINT32_MAX},
        .patience_ms = PATIENCE_SECONDS * 1000,
    };
    const struct sigaction stop = {.sa_handler = on_signal};
    struct error err = {0};

    if (parse_command_line(&run, argc, argv) < 0) {
        fprintf(stderr, "subscribers: wrong usage: see the head of tests/bench/subscribers.c\n");
        return EX_USAGE;
    }
    if (run.fleet_options.filters == 0)
        run.fleet_options.filters = run.fleet_options.subscribers;
    if (run.plan.receivers > run.fleet_options.subscribers)
        run.plan.receivers = run.fleet_options.subscribers;
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    run.reading.tally = &run.tally;
    run.moved_ms = clock_monotonic_ms();
    int rc = tally_init(&run.tally, &run.plan, &err);
    if (rc == 0)
        rc = run.from_stdin ? run_pipe(&run) : run_fleet(&run, &err);
    bool is_right = rc == 0 && print_report(&run);
    if (rc < 0)
        fprintf(stderr, "subscribers: %s\n", err.text);
    tally_release(&run.tally);
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
