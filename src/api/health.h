/* api/health.h - the answer of GET /manage/health, on whichever listener. */
#ifndef API_HEALTH_H
#define API_HEALTH_H

#include "base/health.h"
#include "http/server.h"

/* Responds: 200 and UP, or 503 and DOWN with the reason. */
void health_answer(struct health *health, struct http_exchange *exchange);

#endif
