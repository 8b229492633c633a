#include "cli/wait.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/lsn.h"
#include "config/config.h"
#include "config/quantity.h"
#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_DEFAULT_S 30
#define TIMEOUT_MAX_S 86400
/* Of one question: so soon it is noticed that an operator halts. */
#define WAIT_MAX_MS 2000
#define CONNECT_MS 5000
#define ANSWER_MS 10000
#define URL_MAX 512
#define ANSWER_MAX ((size_t)1 << 20)
#define NAME_SHOWN_MAX 64

const char cli_wait_help[] =
    "Returns once all that was committed before LSN is in the read models, so that a script can "
    "read what\n"
    "it wrote: LSN is what pg_current_wal_insert_lsn() gives after the COMMIT. Asks the running "
    "service on\n"
    "admin.listen. Fails when the time is over, or an operator is halted.\n"
    "\n"
    "      --lsn LSN            like 16/B374D848\n"
    "      --operator NAME      this one alone, else all\n"
    "      --timeout SECONDS    how long (default: 30; 0: looks once)\n";

struct wait {
    struct config config;
    const char *lsn, *op; /* OP: NULL: all */
    uint64_t deadline_ms;
    uint64_t timeout_s;
    long status; /* of the newest answer */
    json_t *answer;
};

/* --- one question ---------------------------------------------------------------------------- */

static size_t on_bytes(char *bytes, size_t one, size_t count, void *owner)
{
    struct buffer *body = owner;
    return buffer_append(body, bytes, one * count) == 0 ? one * count : 0;
}

/* The name may be anything: what is none is not known to the service either. */
static int make_url(char url[URL_MAX], const struct wait *w, uint64_t wait_ms, struct error *err)
{
    const char *listen = w->config.admin.listen;
    bool is_unix = strncmp(listen, "unix:", 5) == 0;
    char *name = w->op ? curl_easy_escape(NULL, w->op, 0) : NULL;
    if (w->op && !name)
        return error_set(err, -ENOMEM, "no memory");
    int len = snprintf(url, URL_MAX, "http://%s/processed?lsn=%s&wait=%llu.%03u%s%s",
                       is_unix ? "localhost" : listen, w->lsn, (unsigned long long)wait_ms / 1000,
                       (unsigned)(wait_ms % 1000), name ? "&operator=" : "", name ? name : "");
    curl_free(name);
    return len < URL_MAX ? 0 : error_set(err, -EINVAL, "there is no operator %s", w->op);
}

static int perform(struct wait *w, CURL *curl, struct buffer *body, const char *url,
                   uint64_t wait_ms, struct error *err)
{
    const char *listen = w->config.admin.listen;
    char why[CURL_ERROR_SIZE] = "";

    curl_easy_setopt(curl, CURLOPT_URL, url);
    if (strncmp(listen, "unix:", 5) == 0)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, listen + 5);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(wait_ms + ANSWER_MS));
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &w->status);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    if (code == CURLE_OK)
        return 0;
    return error_set(err, -ECONNREFUSED,
                     "the service does not answer on admin.listen, %s: %s; start it, or correct "
                     "admin.listen",
                     listen, why[0] ? why : curl_easy_strerror(code));
}

/* Sets W->status and W->answer. */
static int ask(struct wait *w, uint64_t wait_ms, struct error *err)
{
    char url[URL_MAX];
    struct buffer body;
    CURL *curl = curl_easy_init();

    json_decref(w->answer);
    w->answer = NULL;
    buffer_init(&body, ANSWER_MAX);
    int rc = curl ? make_url(url, w, wait_ms, err) : error_set(err, -ENOMEM, "no memory");
    if (rc == 0)
        rc = perform(w, curl, &body, url, wait_ms, err);
    if (rc == 0)
        w->answer = json_loadb(body.len > 0 ? body.data : "", body.len, 0, NULL);
    if (rc == 0 && !w->answer)
        rc = error_set(err, -EPROTO, "what answers on admin.listen, %s, is not walpiper",
                       w->config.admin.listen);
    buffer_release(&body);
    curl_easy_cleanup(curl);
    return rc;
}

/* --- the answer ------------------------------------------------------------------------------ */

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "unknown";
}

/* The first operator that is not there yet, of those that are HALTED or of all. */
static const json_t *find_behind(const struct wait *w, bool halted)
{
    const json_t *operators = json_object_get(w->answer, "operators"), *op;
    size_t i;

    json_array_foreach(operators, i, op)
    {
        bool is_halted = strcmp(text(op, "state"), "halted") == 0;
        if (!json_is_true(json_object_get(op, "processed")) && (is_halted || !halted))
            return op;
    }
    return NULL;
}

static int refuse(const struct wait *w, struct error *err)
{
    const json_t *halted = find_behind(w, true), *behind = find_behind(w, false);

    if (w->status != 425)
        return error_set(err, -EINVAL, "%s", text(w->answer, "error"));
    if (halted)
        return error_set(err, -ECANCELED,
                         "operator %s is halted at %s; its log says why: mend that, and SELECT "
                         "%s.resume('%s')",
                         text(halted, "name"), text(halted, "lsn"), w->config.state_schema,
                         text(halted, "name"));
    return error_set(err, -ETIMEDOUT,
                     "not within %llu s: operator %s, which is %s, has applied all up to %s, not "
                     "to %s",
                     (unsigned long long)w->timeout_s, text(behind, "name"),
                     json_is_true(json_object_get(behind, "rebuilding")) ? "rebuilding"
                                                                         : text(behind, "state"),
                     text(behind, "lsn"), w->lsn);
}

static int await(struct wait *w, struct error *err)
{
    if (!w->config.admin.listen)
        return error_set(err, -EINVAL, "%s: admin.listen is off; the service is asked there",
                         w->config.file);
    for (uint64_t longest = 0;; longest = WAIT_MAX_MS) {
        uint64_t now = clock_monotonic_ms();
        uint64_t left = w->deadline_ms > now ? w->deadline_ms - now : 0;
        int rc = ask(w, left < longest ? left : longest, err);
        if (rc < 0)
            return rc;
        if (w->status == 200)
            return 0;
        if (w->status != 425 || left == 0 || find_behind(w, true))
            return refuse(w, err);
    }
}

enum cli_exit cli_wait(const struct cli_options *options)
{
    struct wait w = {.lsn = options->lsn, .op = options->op, .timeout_s = TIMEOUT_DEFAULT_S};
    struct error err = {0};
    uint64_t lsn;

    if (!options->lsn)
        return cli_fail(CLI_MISUSED, "wait: --lsn is missing; 'walpiper wait --help'");
    if (lsn_parse(str_from(options->lsn), &lsn) < 0)
        return cli_fail(CLI_MISUSED, "wait: --lsn %s: write an LSN like 16/B374D848", options->lsn);
    if (options->timeout &&
        quantity_number(str_from(options->timeout), 0, TIMEOUT_MAX_S, &w.timeout_s) < 0)
        return cli_fail(CLI_MISUSED, "wait: --timeout %s: write seconds, from 0 to %d",
                        options->timeout, TIMEOUT_MAX_S);
    w.deadline_ms = clock_monotonic_ms() + w.timeout_s * 1000;
    int rc = config_load(&w.config, options->config_file, &err);
    if (rc == 0) {
        rc = await(&w, &err);
        if (rc < 0)
            error_prefix(&err, "wait");
    }
    json_decref(w.answer);
    config_release(&w.config);
    return rc == 0 ? CLI_DONE : cli_fail(CLI_FAILED, "%s", err.text);
}
