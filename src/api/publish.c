/* POST /events: rows for the events table, from whoever may publish. */
#include "api/internal.h"
#include "api/publish_table.h"
#include "api/rate.h"
#include "base/clock.h"
#include "event/type.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <xxhash.h>

#define KEY_MAX 255
#define ANSWER_MAX ((size_t)64 << 20)

struct publish {
    struct publish_request request;
    struct api *api;
    struct http_exchange *exchange; /* while it waits; NULL: the client is gone */
    enum publish_form form;
};

static struct publish *of_request(struct publish_request *request)
{
    return (struct publish *)((char *)request - offsetof(struct publish, request));
}

static void publish_free(struct publish *self)
{
    publish_batch_release(&self->request.batch);
    free(self->request.key);
    free(self);
}

/* --- answers --------------------------------------------------------------------------------- */

static void count_answer(struct api *api, int status)
{
    counter_add(&api->counters.publish_answers[status - HTTP_STATUS_FIRST], 1);
}

static void answer(struct api *api, struct http_exchange *exchange, int status,
                   const struct buffer *body)
{
    static const struct http_header retry_after = {STR("Retry-After"), STR("1")};

    if (body->failed != 0)
        status = 500;
    count_answer(api, status);
    http_respond(exchange, &(struct http_response){
                               .status = status,
                               .content_type = "application/json",
                               .body = body->failed == 0 ? buffer_str(body) : STR(""),
                               .headers = &retry_after,
                               .header_count = status == 429 || status == 503 ? 1 : 0,
                           });
}

/* FAULT may be of no item and of no field. */
static void answer_fault(struct api *api, struct http_exchange *exchange, int status,
                         const char *text, const struct publish_fault *fault)
{
    struct buffer body;

    buffer_init(&body, ANSWER_MAX);
    buffer_append_str(&body, STR("{\"error\":"));
    json_quote(&body, str_from(text));
    if (fault != NULL && fault->item >= 0)
        buffer_printf(&body, ",\"item\":%" PRId64, fault->item);
    if (fault != NULL && fault->field != NULL)
        buffer_printf(&body, ",\"field\":\"%s\"", fault->field);
    buffer_append_char(&body, '}');
    answer(api, exchange, status, &body);
    buffer_release(&body);
}

static void answer_ids(struct api *api, struct http_exchange *exchange, struct str ids)
{
    struct buffer body;

    buffer_init(&body, ANSWER_MAX);
    buffer_append_str(&body, STR("{\"ids\":["));
    buffer_append_str(&body, ids);
    buffer_append_str(&body, STR("]}"));
    answer(api, exchange, 201, &body);
    buffer_release(&body);
}

static void answer_outcome(struct api *api, struct http_exchange *exchange,
                           const struct publish_outcome *outcome)
{
    switch (outcome->result) {
    case PUBLISH_DONE:
        answer_ids(api, exchange, outcome->ids);
        break;
    case PUBLISH_REFUSED:
        answer_fault(api, exchange, 400, outcome->fault.err.text, &outcome->fault);
        break;
    case PUBLISH_KEY_REUSED:
        answer_fault(api, exchange, 422, "this Idempotency-Key was used for other events", NULL);
        break;
    case PUBLISH_AWAY:
        answer_fault(api, exchange, 503,
                     "the events table cannot be reached now; whether the events were inserted is "
                     "not known: an Idempotency-Key makes it safe to send them again",
                     NULL);
        break;
    case PUBLISH_BROKEN:
        answer_fault(api, exchange, 500,
                     "the events table cannot be inserted into; see walpiper's log", NULL);
        break;
    }
}

static void on_outcome(struct publish_request *request, const struct publish_outcome *outcome)
{
    struct publish *self = of_request(request);

    if (outcome->result == PUBLISH_DONE && !request->looks_up)
        counter_add(&self->api->counters.published_events, request->batch.count);
    if (self->exchange != NULL)
        answer_outcome(self->api, self->exchange, outcome);
    publish_free(self);
}

/* --- while it waits -------------------------------------------------------------------------- */

/* The server's answer is not far, and tells the client more than we know now. */
static void on_drain(void *owner, struct http_exchange *exchange)
{
}

/* What was sent to the server goes its way. */
static void on_client_gone(void *owner, const char *reason)
{
    struct publish *self = owner;

    self->exchange = NULL;
    if (publish_table_cancel(self->api->publish_table, &self->request))
        publish_free(self);
}

static void on_body_gone(void *owner, const char *reason)
{
    publish_free(owner);
}

static void digest(struct publish *self, struct str body)
{
    const struct config *config = self->api->context.config;
    XXH64_hash_t table = XXH3_64bits(config->events.schema, strlen(config->events.schema));

    table = XXH3_64bits_withSeed(config->events.table, strlen(config->events.table), table);
    XXH128_hash_t hash = XXH3_128bits_withSeed(body.data, body.len, table);
    snprintf(self->request.digest, sizeof(self->request.digest), "%016" PRIx64 "%016" PRIx64,
             (uint64_t)hash.high64, (uint64_t)hash.low64);
}

static void on_body(void *owner, struct http_exchange *exchange, struct str body)
{
    static const struct http_wait_events wait_events = {on_drain, on_client_gone};
    struct publish *self = owner;
    struct publish_fault fault;
    int status = publish_batch_parse(&self->request.batch, body, self->form, &fault);

    if (status == 0) {
        digest(self, body);
        status = publish_table_add(self->api->publish_table, &self->request);
    }
    if (status == 0) {
        self->exchange = http_respond_later(exchange, &wait_events, self);
        return;
    }
    if (status == -EINVAL)
        answer_fault(self->api, exchange, 400, fault.err.text, &fault);
    else if (status == -EBUSY)
        answer_fault(self->api, exchange, 429, "too many events wait to be inserted", NULL);
    else
        answer_fault(self->api, exchange, 503, "out of memory", NULL);
    publish_free(self);
}

/* --- the request ----------------------------------------------------------------------------- */

static bool find_form(const struct http_request *http, enum publish_form *ret_form)
{
    struct str type = http_request_header(http, STR("Content-Type"));
    struct str coding = http_request_header(http, STR("Content-Encoding"));
    struct str media = str_trim(str_cut(&type, ';'));

    *ret_form = str_equal_nocase(media, STR("application/json")) ? PUBLISH_JSON : PUBLISH_NDJSON;
    return (*ret_form == PUBLISH_JSON || str_equal_nocase(media, STR("application/x-ndjson"))) &&
           (coding.len == 0 || str_equal_nocase(coding, STR("identity")));
}

/* Visible ASCII, so that a blank can stand between the key and whose it is. */
static bool is_key(struct str key)
{
    for (size_t i = 0; i < key.len; i++)
        if (key.data[i] <= ' ' || key.data[i] > '~')
            return false;
    return key.len > 0 && key.len <= KEY_MAX;
}

/* Keys of different publishers have nothing to do with each other, where they are told apart. */
static char *make_key(struct str key, struct str publisher)
{
    struct buffer text;

    buffer_init(&text, KEY_MAX + 1 + publisher.len);
    buffer_append_str(&text, key);
    if (publisher.len > 0) {
        buffer_append_char(&text, ' ');
        buffer_append_str(&text, publisher);
    }
    char *copy = text.failed == 0 ? str_dup(buffer_str(&text)) : NULL;
    buffer_release(&text);
    return copy;
}

static struct publish *publish_new(struct api *api, struct str key, struct str publisher)
{
    struct publish *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->api = api;
    self->request.on_outcome = on_outcome;
    if (key.data == NULL)
        return self;
    self->request.key = make_key(key, publisher);
    if (self->request.key != NULL)
        return self;
    free(self);
    return NULL;
}

/* By name where it is known, else by address. Who has neither, behind a unix socket, waits for
 * nobody. */
static uint64_t wait_of(const struct api *api, const struct api_request *request)
{
    struct str name = access_identity(&request->access);

    if (api->context.publish_rate == NULL)
        return 0;
    if (name.len > 0)
        return rate_take(api->context.publish_rate, name, clock_monotonic_ms());
    struct address address = http_exchange_peer(request->exchange);
    if (address.kind != ADDRESS_IP)
        return 0;
    address = address_client(&address);
    name = (struct str){(const char *)address.bytes, sizeof(address.bytes)};
    return rate_take(api->context.publish_rate, name, clock_monotonic_ms());
}

static void answer_slower(struct api *api, struct http_exchange *exchange, uint64_t wait_ms)
{
    char seconds[24];
    int len = snprintf(seconds, sizeof(seconds), "%" PRIu64, (wait_ms + 999) / 1000);
    const struct http_header retry_after = {STR("Retry-After"), {seconds, (size_t)len}};

    count_answer(api, 429);
    http_respond(exchange, &(struct http_response){
                               .status = 429,
                               .content_type = "application/json",
                               .body = STR("{\"error\":\"more requests a second than "
                                           "http.publish_rate allows\"}"),
                               .headers = &retry_after,
                               .header_count = 1,
                           });
}

static void serve(struct api *api, const struct api_request *request)
{
    static const struct http_body_events body_events = {on_body, on_body_gone};
    struct str key = http_request_header(request->http, STR("Idempotency-Key"));
    enum publish_form form;

    if (!find_form(request->http, &form)) {
        answer_fault(api, request->exchange, 415,
                     "Content-Type must be application/json or application/x-ndjson, without a "
                     "Content-Encoding",
                     NULL);
        return;
    }
    if (key.data != NULL && !is_key(key)) {
        answer_fault(api, request->exchange, 400,
                     "Idempotency-Key must be 1 to 255 visible ASCII characters without blanks",
                     NULL);
        return;
    }
    struct publish *self = publish_new(api, key, access_identity(&request->access));
    if (self == NULL) {
        answer_fault(api, request->exchange, 503, "out of memory", NULL);
        return;
    }
    self->form = form;
    http_take_body(request->exchange, &body_events, self);
}

void api_publish(struct api *api, const struct api_request *request)
{
    uint64_t wait_ms;

    if (!api->context.config->events.enabled)
        api_respond_text(request, 404, STR("Not found"));
    else if ((wait_ms = wait_of(api, request)) > 0)
        answer_slower(api, request->exchange, wait_ms);
    else
        serve(api, request);
}
