/* config/rules_notify.c - who is told of an operator's failures: a URL or a command. */
#include "config/rules_operator.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_ONE "write http://... or https://..., or command: [program, argument, ...]"

/* Scheme, host and port, in memory of curl's. */
static CURLUcode read_origin(CURLU *parts, char **ret_origin)
{
    static const CURLUPart secret[] = {CURLUPART_USER,  CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                       CURLUPART_QUERY, CURLUPART_FRAGMENT, CURLUPART_PATH};
    CURLUcode rc = CURLUE_OK;
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]) && rc == CURLUE_OK; i++)
        rc = curl_url_set(parts, secret[i], NULL, 0);
    return rc == CURLUE_OK ? curl_url_get(parts, CURLUPART_URL, ret_origin, 0) : rc;
}

/* Curl reads it as it will when it is used. */
static CURLUcode read_url(const char *url, char **ret_origin)
{
    CURLU *parts = curl_url();
    char *origin = NULL;
    if (!parts)
        return CURLUE_OUT_OF_MEMORY;
    CURLUcode rc = curl_url_set(parts, CURLUPART_URL, url, 0);
    if (rc == CURLUE_OK)
        rc = read_origin(parts, &origin);
    if (rc == CURLUE_OK) {
        *ret_origin = str_dup(str_from(origin));
        rc = *ret_origin ? CURLUE_OK : CURLUE_OUT_OF_MEMORY;
    }
    curl_free(origin);
    curl_url_cleanup(parts);
    return rc;
}

static bool is_web(const char *url)
{
    return strncmp(url, "http://", strlen("http://")) == 0 ||
           strncmp(url, "https://", strlen("https://")) == 0;
}

static int notify_url(struct reading *o, const struct node *place)
{
    char **url = &o->from->on_error_notify.url;

    if (!is_web(*url))
        return node_fail(o->r->tree, place, o->r->err, "no URL; " WRITE_ONE);
    CURLUcode rc = read_url(*url, &o->to->notify.origin);
    if (rc == CURLUE_OUT_OF_MEMORY)
        return rules_no_memory(o->r);
    if (rc != CURLUE_OK)
        return node_fail(o->r->tree, place, o->r->err, "malformed URL: %s; correct it",
                         curl_url_strerror(rc));
    o->to->notify.url = rules_take(url);
    return 0;
}

static int notify_command(struct reading *o, const struct node *place)
{
    struct raw_notify *from = &o->from->on_error_notify;

    if (!*from->command[0])
        return node_fail(o->r->tree, place, o->r->err,
                         "no program; write [program, argument, ...]");
    o->to->notify.command = calloc(from->command_count + 1, sizeof(char *));
    if (!o->to->notify.command)
        return rules_no_memory(o->r);
    for (uint32_t i = 0; i < from->command_count; i++)
        o->to->notify.command[i] = rules_take(&from->command[i]);
    return 0;
}

int operator_notify(struct reading *o)
{
    const struct raw_notify *from = &o->from->on_error_notify;
    const struct node *url = PLACE(o, "on_error_notify.url");
    const struct node *command = PLACE(o, "on_error_notify.command");
    const struct node *said = PLACE(o, "on_error_notify");
    bool has_url = from->url && *from->url;

    if (!from->url && from->command_count == 0 && said->kind == NODE_MAP &&
        strcmp(said->key ? said->key : "", "on_error_notify") == 0)
        return node_fail(o->r->tree, said, o->r->err, "says nobody; " WRITE_ONE);
    if (has_url && from->command_count > 0)
        return node_fail(o->r->tree, url, o->r->err, "url and command are both said; remove one");
    if (has_url)
        return notify_url(o, url);
    return from->command_count > 0 ? notify_command(o, command) : 0;
}
