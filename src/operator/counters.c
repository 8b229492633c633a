#include "operator/counters.h"
#include <stdio.h>
#include <string.h>

void operator_counters_set_error(struct operator_counters *c, const char *text)
{
    pthread_mutex_lock(&c->lock);
    snprintf(c->error, sizeof(c->error), "%s", text);
    pthread_mutex_unlock(&c->lock);
}

bool operator_counters_error(struct operator_counters *c, char text[OPERATOR_ERROR_MAX])
{
    pthread_mutex_lock(&c->lock);
    memcpy(text, c->error, sizeof(c->error));
    pthread_mutex_unlock(&c->lock);
    return text[0] != '\0';
}
