#include "web/client.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <walpiper/version.h>

/* Of an answer's body so much is read, for the connection's sake; then it is cut off. */
#define ANSWER_MAX ((size_t)64 << 10)

struct web_client {
    struct loop *loop;
    CURLM *multi;
    ev_timer timer;
    struct web_request *first; /* under way */
};

/* A socket that curl waits for. */
struct watched {
    struct web_client *client;
    ev_io io;
};

struct web_request {
    struct web_client *client;
    struct web_request *previous, *next;
    CURL *easy;
    struct curl_slist *headers;
    size_t answer_len;
    void (*on_done)(void *owner, unsigned status, const struct error *why);
    void *owner;
    char why[CURL_ERROR_SIZE];
};

/* --- requests -------------------------------------------------------------------------------- */

static void request_free(struct web_request *r)
{
    struct web_client *client = r->client;
    if (r->previous)
        r->previous->next = r->next;
    else if (client->first == r)
        client->first = r->next;
    if (r->next)
        r->next->previous = r->previous;
    if (r->easy) {
        curl_multi_remove_handle(client->multi, r->easy);
        curl_easy_cleanup(r->easy);
    }
    curl_slist_free_all(r->headers);
    free(r);
}

void web_cancel(struct web_request *r)
{
    request_free(r);
}

/* What was answered counts, also when we have cut the body off. */
static unsigned status_of(const struct web_request *r, CURLcode result)
{
    long status = 0;
    if (result == CURLE_OK || (result == CURLE_WRITE_ERROR && r->answer_len > ANSWER_MAX))
        curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    return (unsigned)status;
}

static void request_done(struct web_request *r, CURLcode result)
{
    void (*on_done)(void *owner, unsigned status, const struct error *why) = r->on_done;
    void *owner = r->owner;
    unsigned status = status_of(r, result);
    struct error why = {0};
    if (status == 0)
        error_set(&why, -EIO, "%s", r->why[0] ? r->why : curl_easy_strerror(result));
    request_free(r);
    on_done(owner, status, status == 0 ? &why : NULL);
}

static size_t on_answer(char *data, size_t size, size_t count, void *owner)
{
    struct web_request *r = owner;
    r->answer_len += size * count;
    return r->answer_len > ANSWER_MAX ? 0 : size * count;
}

/* --- curl on the loop ------------------------------------------------------------------------ */

static void act(struct web_client *client, curl_socket_t fd, int events)
{
    int running = 0, left = 0;
    const CURLMsg *message;
    (void)curl_multi_socket_action(client->multi, fd, events, &running);
    while ((message = curl_multi_info_read(client->multi, &left))) {
        char *request = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
        request_done((struct web_request *)(void *)request, message->data.result);
    }
}

static void on_ready(struct ev_loop *ev, ev_io *io, int events)
{
    const struct watched *watched = io->data;
    act(watched->client, io->fd,
        (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long timeout_ms, void *owner)
{
    struct web_client *client = owner;
    ev_timer_stop(client->loop->ev, &client->timer);
    if (timeout_ms < 0)
        return 0;
    ev_timer_set(&client->timer, (double)timeout_ms / 1000, 0.);
    ev_timer_start(client->loop->ev, &client->timer);
    return 0;
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *owner, void *socket)
{
    struct web_client *client = owner;
    struct watched *watched = socket;
    if (watched)
        ev_io_stop(client->loop->ev, &watched->io);
    if (what == CURL_POLL_REMOVE) {
        free(watched);
        return 0;
    }
    if (!watched) {
        watched = calloc(1, sizeof(*watched));
        if (!watched)
            return -1; /* curl gives up what is under way */
        watched->client = client;
        curl_multi_assign(client->multi, fd, watched);
    }
    ev_io_init(&watched->io, on_ready, fd,
               (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    watched->io.data = watched;
    ev_io_start(client->loop->ev, &watched->io);
    return 0;
}

/* --- the client ------------------------------------------------------------------------------ */

int web_client_new(struct web_client **ret_client, struct loop *loop)
{
    struct web_client *client = calloc(1, sizeof(*client));
    if (!client)
        return -ENOMEM;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(client);
        return -ENOMEM;
    }
    client->loop = loop;
    client->multi = curl_multi_init();
    if (!client->multi) {
        web_client_free(client);
        return -ENOMEM;
    }
    ev_timer_init(&client->timer, on_timer, 0., 0.);
    client->timer.data = client;
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    *ret_client = client;
    return 0;
}

void web_client_free(struct web_client *client)
{
    if (!client)
        return;
    while (client->first)
        web_cancel(client->first);
    curl_multi_cleanup(client->multi);
    ev_timer_stop(client->loop->ev, &client->timer);
    curl_global_cleanup();
    free(client);
}

/* --- sending --------------------------------------------------------------------------------- */

/* Most options cannot fail but for memory; what is wrong with a URL shows when it is used. */
static int set_options(struct web_request *r, const struct web_post *post)
{
    CURL *easy = r->easy;
    char type[128];
    snprintf(type, sizeof(type), "Content-Type: %s", post->content_type);
    r->headers = curl_slist_append(NULL, type);
    if (!r->headers)
        return -ENOMEM;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, post->url);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.len);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, post->body.data);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_USERAGENT, "walpiper/" WALPIPER_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)post->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)post->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A name that is not resolved in time is looked up by a thread of curl's, which it would
     * otherwise wait for. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->why);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
    return rc == CURLE_OK ? 0 : -ENOMEM;
}

int web_post(struct web_request **ret_request, struct web_client *client,
             const struct web_post *post, struct error *err)
{
    struct web_request *r = calloc(1, sizeof(*r));
    if (!r)
        return error_set(err, -ENOMEM, "no memory for a request");
    *r = (struct web_request){
        .client = client, .on_done = post->on_done, .owner = post->owner, .next = client->first};
    if (client->first)
        client->first->previous = r;
    client->first = r;
    r->easy = curl_easy_init();
    if (!r->easy || set_options(r, post) < 0 ||
        curl_multi_add_handle(client->multi, r->easy) != CURLM_OK) {
        request_free(r);
        return error_set(err, -ENOMEM, "no memory for a request");
    }
    *ret_request = r;
    return 0;
}
