#include "event/id.h"

#include "event/digits.h"

#include <errno.h>
#include <string.h>

#define LSN_DIGITS_MAX 16
#define ORDINAL_DIGITS_MAX 10

static int parse_epoch(char epoch[EPOCH_DIGITS + 1], struct str text)
{
    if (text.len != EPOCH_DIGITS)
        return -EINVAL;
    for (size_t i = 0; i < EPOCH_DIGITS; i++) {
        if (str_hex_digit(text.data[i]) < 0 || (text.data[i] >= 'A' && text.data[i] <= 'F'))
            return -EINVAL;
    }
    memcpy(epoch, text.data, EPOCH_DIGITS);
    epoch[EPOCH_DIGITS] = '\0';
    return 0;
}

static int parse_lsn(uint64_t *ret_lsn, struct str text)
{
    uint64_t lsn = 0;

    if (text.len == 0 || text.len > LSN_DIGITS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        int digit = str_hex_digit(text.data[i]);
        if (digit < 0)
            return -EINVAL;
        lsn = lsn << 4 | (uint64_t)digit;
    }
    *ret_lsn = lsn;
    return 0;
}

static int parse_ordinal(uint32_t *ret_ordinal, struct str text)
{
    int64_t ordinal;

    if (text.len == 0 || text.len > ORDINAL_DIGITS_MAX || text.data[0] == '-' ||
        str_to_int64(text, &ordinal) < 0 || ordinal > UINT32_MAX)
        return -EINVAL;
    *ret_ordinal = (uint32_t)ordinal;
    return 0;
}

int event_id_parse(struct event_id *ret, struct str text)
{
    struct event_id id;
    struct str epoch = str_cut(&text, '-');
    struct str lsn = str_cut(&text, '-');

    if (parse_epoch(id.epoch, epoch) < 0 || parse_lsn(&id.position.lsn, lsn) < 0 ||
        parse_ordinal(&id.position.ordinal, text) < 0)
        return -EINVAL;
    *ret = id;
    return 0;
}

char *event_id_format(const char *epoch, struct position position, char text[EVENT_ID_MAX])
{
    size_t epoch_len = strnlen(epoch, EPOCH_DIGITS);
    char *at = text + epoch_len;

    memcpy(text, epoch, epoch_len);
    *at++ = '-';
    at = put_hex(at, position.lsn);
    *at++ = '-';
    at = put_decimal(at, position.ordinal);
    *at = '\0';
    return text;
}
