/* api/wanted.h - what a request to /streams asks for: topics from its path and its `topic`
 * parameters, `types`, and filters on columns (feed/filter.h). */
#ifndef API_WANTED_H
#define API_WANTED_H

#include "api/internal.h"

struct wanted_filter;

struct wanted {
    struct subscription *subscriptions;
    size_t count;
    /* private */
    struct buffer bytes;  /* decoded texts, which topics and parameters borrow */
    struct str *segments; /* of the topics, which borrow them */
    size_t segment_count;
    struct wanted_parameter *parameters;
    size_t parameter_count;
    unsigned types;
    struct wanted_filter *filters; /* one a table */
    size_t filter_count;
    size_t conditions_bytes;
};

/* 0; -EINVAL: the request is wrong, ERR says what; -EACCES: a topic is not granted, and the
 * request was answered; -EAGAIN: which columns a table has is not known yet; -ENOMEM. Parameters of
 * a pull belong to FORM_JSON alone. RET, also of a failure, is to be released. */
int wanted_parse(struct wanted *ret, const struct feed_tables *tables,
                 const struct api_request *request, enum form form, struct error *err);
void wanted_release(struct wanted *wanted);

#endif
