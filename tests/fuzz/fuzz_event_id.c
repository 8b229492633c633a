/* Any bytes as an event id: refused, or it survives being written and read again. */
#include "event/id.h"
#include "fuzz.h"

static void check_position(struct position position)
{
    unsigned char bytes[POSITION_BYTES];

    position_encode(position, bytes);
    promise(position_compare(position_decode(bytes), position) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = exact_copy(data, size);
    struct event_id id, again;
    char written[EVENT_ID_MAX];

    if (event_id_parse(&id, text) == 0) {
        promise(strlen(id.epoch) == EPOCH_DIGITS);
        promise(event_id_format(id.epoch, id.position, written) == written);
        promise(event_id_parse(&again, str_from(written)) == 0);
        promise(strcmp(again.epoch, id.epoch) == 0);
        promise(position_compare(again.position, id.position) == 0);
        check_position(id.position);
    }
    free_copy(text);
    return 0;
}
