/* operator/notify.h - tells the command or URL of on_error_notify what fails in an operator: one
 * failure at a time, in order, from the loop, and whoever has something to tell never waits. What
 * cannot be told is told by the log. Shared by the lanes of the operator. Owns what waits. */
#ifndef OPERATOR_NOTIFY_H
#define OPERATOR_NOTIFY_H

#include "base/error.h"
#include "config/config.h"
#include "loop/loop.h"
#include "operator/notice.h"
#include "web/client.h"

struct notify;

/* OP is borrowed, and WEB when it has a URL to be told. NULL when there is no memory. */
struct notify *notify_new(struct loop *loop, const struct config_operator *op,
                          struct web_client *web);
/* Also drops what waits. Not from a callback of the loop that is its own. NULL is fine. */
void notify_free(struct notify *notify);

/* Of all these NULL is fine: nobody wants to know. */

void notify_tell(struct notify *notify, const struct notice *notice);
/* The operator as a whole cannot go on before AGAIN_MS have passed, or, 0, before somebody does
 * something. Told once until notify_recovered(), also when several lanes say it. */
void notify_trouble(struct notify *notify, const struct error *why, uint64_t again_ms);
void notify_recovered(struct notify *notify);

#endif
