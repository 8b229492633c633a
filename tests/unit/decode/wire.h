/* wire.h - builds messages of pgoutput from a pattern, one letter a field:
 *     c a char, b a byte, h 16 bits, w 32 bits, q 64 bits, s a text with its NUL,
 *     t a value that is there: its kind, length and text.
 * For test programs of one file. */
#ifndef WIRE_H
#define WIRE_H

#include "base/str.h"

#include <check.h>
#include <endian.h>
#include <stdarg.h>
#include <stdint.h>

struct wire {
    char bytes[4096];
    size_t len;
};

static inline void wire_put(struct wire *wire, const void *bytes, size_t len)
{
    ck_assert_uint_le(len, sizeof(wire->bytes) - wire->len);
    memcpy(wire->bytes + wire->len, bytes, len);
    wire->len += len;
}

static inline void wire_number(struct wire *wire, uint64_t value, size_t size)
{
    uint64_t big = htobe64(value);

    wire_put(wire, (const char *)&big + sizeof(big) - size, size);
}

static inline void wire_value(struct wire *wire, const char *text)
{
    wire_number(wire, 't', 1);
    wire_number(wire, strlen(text), 4);
    wire_put(wire, text, strlen(text));
}

static inline void wire_field(struct wire *wire, char field, va_list *arguments)
{
    const char *text;

    switch (field) {
    case 'c':
    case 'b':
        wire_number(wire, (uint64_t)va_arg(*arguments, int), 1);
        break;
    case 'h':
        wire_number(wire, (uint64_t)va_arg(*arguments, int), 2);
        break;
    case 'w':
        wire_number(wire, (uint64_t)va_arg(*arguments, int), 4);
        break;
    case 'q':
        wire_number(wire, va_arg(*arguments, uint64_t), 8);
        break;
    case 's':
        text = va_arg(*arguments, const char *);
        wire_put(wire, text, strlen(text) + 1);
        break;
    case 't':
        wire_value(wire, va_arg(*arguments, const char *));
        break;
    default:
        ck_abort_msg("no such field: %c", field);
    }
}

/* Good until the next one. */
static inline struct str wire(const char *pattern, ...)
{
    static struct wire wire;
    va_list arguments;

    wire.len = 0;
    va_start(arguments, pattern);
    for (; *pattern != '\0'; pattern++)
        wire_field(&wire, *pattern, &arguments);
    va_end(arguments);
    return (struct str){wire.bytes, wire.len};
}

#endif
