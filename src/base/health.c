#include "base/health.h"

#include "base/str.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REASON_MAX 256

struct trouble {
    struct trouble *next;
    char reason[REASON_MAX];
    char part[];
};

struct health {
    pthread_mutex_t mutex;
    struct trouble *troubles; /* the oldest first */
    bool out_of_memory;       /* a trouble could not be noted: not healthy for good */
};

struct health *health_new(void)
{
    struct health *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return NULL;
    if (pthread_mutex_init(&h->mutex, NULL) != 0) {
        free(h);
        return NULL;
    }
    return h;
}

void health_free(struct health *h)
{
    if (h == NULL)
        return;
    while (h->troubles != NULL) {
        struct trouble *next = h->troubles->next;
        free(h->troubles);
        h->troubles = next;
    }
    pthread_mutex_destroy(&h->mutex);
    free(h);
}

/* The link that points to the trouble of PART, or the one at the end. */
static struct trouble **find(struct health *h, const char *part)
{
    struct trouble **link = &h->troubles;

    while (*link != NULL && strcmp((*link)->part, part) != 0)
        link = &(*link)->next;
    return link;
}

static struct trouble *trouble_new(const char *part)
{
    size_t size = strlen(part) + 1;
    struct trouble *t = malloc(sizeof(*t) + size);

    if (t == NULL)
        return NULL;
    t->next = NULL;
    memcpy(t->part, part, size);
    return t;
}

void health_down(struct health *h, const char *part, const char *reason)
{
    struct str text = str_truncate(str_from(reason), REASON_MAX - 1);

    pthread_mutex_lock(&h->mutex);
    struct trouble **link = find(h, part);
    if (*link == NULL)
        *link = trouble_new(part);
    if (*link == NULL)
        h->out_of_memory = true;
    else
        snprintf((*link)->reason, REASON_MAX, "%.*s", STR_ARG(text));
    pthread_mutex_unlock(&h->mutex);
}

void health_up(struct health *h, const char *part)
{
    pthread_mutex_lock(&h->mutex);
    struct trouble **link = find(h, part);
    struct trouble *over = *link;
    if (over != NULL)
        *link = over->next;
    pthread_mutex_unlock(&h->mutex);
    free(over);
}

/* Adds "; part: reason" to what TEXT holds; what does not fit is cut. */
static void describe(char *text, size_t size, const char *part, const char *reason)
{
    size_t len = strnlen(text, size);

    if (len == size)
        return;
    int more = snprintf(text + len, size - len, "%s%s: %s", len > 0 ? "; " : "", part, reason);
    if ((size_t)more >= size - len)
        text[str_whole((struct str){text, size - 1}).len] = '\0';
}

bool health_read(struct health *h, char *text, size_t size)
{
    if (size > 0)
        text[0] = '\0';
    pthread_mutex_lock(&h->mutex);
    bool up = h->troubles == NULL && !h->out_of_memory;
    for (const struct trouble *t = h->troubles; t != NULL; t = t->next)
        describe(text, size, t->part, t->reason);
    if (h->out_of_memory)
        describe(text, size, "walpiper", "out of memory");
    pthread_mutex_unlock(&h->mutex);
    return up;
}
