/* Any bytes as the body of POST /events: what is taken has all that a row needs, each text lies in
 * the batch, and a payload stands in the body as it is; what is refused says why. */
#include "api/publish_batch.h"
#include "fuzz.h"

#include <errno.h>

static void check_text(const struct publish_batch *batch, size_t place)
{
    promise(place < batch->text.len);
    promise(memchr(batch->text.data + place, '\0', batch->text.len - place) != NULL);
}

static void check_item(const struct publish_batch *batch, const struct publish_item *item,
                       struct str body)
{
    check_text(batch, item->type);
    check_text(batch, item->consumer);
    if (item->timestamp != PUBLISH_NONE)
        check_text(batch, item->timestamp);
    promise(item->plain == PUBLISH_NONE || item->payload != PUBLISH_NONE);
    if (item->plain != PUBLISH_NONE)
        check_text(batch, item->plain);
    if (item->payload == PUBLISH_NONE)
        return;
    check_text(batch, item->payload);
    const char *payload = publish_text(batch, item->payload);
    promise(*payload != '\0' && memmem(body.data, body.len, payload, strlen(payload)) != NULL);
}

static void check(struct str body, enum publish_form form)
{
    struct publish_batch batch;
    struct publish_fault fault;
    int status = publish_batch_parse(&batch, body, form, &fault);

    promise(status == 0 || status == -EINVAL);
    if (status < 0) {
        promise(fault.err.text[0] != '\0');
        return;
    }
    promise(batch.count > 0);
    for (size_t i = 0; i < batch.count; i++)
        check_item(&batch, &batch.items[i], body);
    publish_batch_release(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = exact_copy(data, size);

    check(body, PUBLISH_JSON);
    check(body, PUBLISH_NDJSON);
    free_copy(body);
    return 0;
}
