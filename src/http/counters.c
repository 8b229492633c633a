#include "http/counters.h"
#include <string.h>

static const char *const names[HTTP_CLOSE_COUNT] = {
    [HTTP_CLOSE_ENDED] = "ended",     [HTTP_CLOSE_PEER] = "peer",
    [HTTP_CLOSE_STALLED] = "stalled", [HTTP_CLOSE_OVERFLOW] = "overflow",
    [HTTP_CLOSE_NOISE] = "noise",     [HTTP_CLOSE_MEMORY] = "memory",
    [HTTP_CLOSE_ERROR] = "error",     [HTTP_CLOSE_SHUTDOWN] = "shutdown",
};

const char *http_close_name(enum http_close why)
{
    return names[why];
}

/* What is no word of the table is an error all the same. */
void http_count_close(struct http_counters *counters, const char *reason)
{
    enum http_close why = HTTP_CLOSE_ERROR;
    for (int i = 0; i < HTTP_CLOSE_COUNT; i++)
        if (strcmp(names[i], reason) == 0)
            why = (enum http_close)i;
    http_count(&counters->closed[why]);
}
