/* api/publish_batch.h - the body of POST /events as rows to insert. Pure. */
#ifndef API_PUBLISH_BATCH_H
#define API_PUBLISH_BATCH_H

#include "base/buffer.h"
#include "base/error.h"

enum publish_form {
    PUBLISH_JSON,   /* one event, or an array of them */
    PUBLISH_NDJSON, /* one event a line; empty lines are none */
};

#define PUBLISH_NONE SIZE_MAX

/* Places of texts that end in NUL, in the batch's. */
struct publish_item {
    size_t type;
    size_t consumer;
    size_t payload;   /* JSON as it was sent, every digit of it; PUBLISH_NONE: NULL */
    size_t plain;     /* when the payload is a string: what it says; else PUBLISH_NONE */
    size_t timestamp; /* PUBLISH_NONE: the column's default */
};

/* Owns its memory. */
struct publish_batch {
    struct buffer text;
    struct publish_item *items;
    size_t count;
    size_t capacity;
};

/* What is wrong, and where. */
struct publish_fault {
    struct error err;
    int64_t item;      /* from 0; -1: of no event */
    const char *field; /* a literal, or NULL */
};

/* 0, -EINVAL with RET_FAULT, or -ENOMEM. On failure there is nothing to release. */
int publish_batch_parse(struct publish_batch *ret, struct str body, enum publish_form form,
                        struct publish_fault *ret_fault);
void publish_batch_release(struct publish_batch *batch);

/* NULL for PUBLISH_NONE. */
const char *publish_text(const struct publish_batch *batch, size_t place);

#endif
