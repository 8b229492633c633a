/* api/resume.h - where a stream of /streams begins: what the client says it had, held against what
 * the journal has. Pure. */
#ifndef API_RESUME_H
#define API_RESUME_H

#include "feed/subscriber.h"
#include "http/request.h"

enum resume_kind {
    RESUME_LIVE,  /* with what comes from now on */
    RESUME_AFTER, /* after a position */
    RESUME_RESET, /* live, but the client is told first that it missed something */
};

struct resume {
    enum resume_kind kind;
    struct position after;
    enum reset_reason reason;
};

/* What the journal has. */
struct resume_range {
    const char *epoch;
    bool empty;
    struct position oldest; /* unless empty */
    struct position newest; /* that there is or was */
    uint64_t given;         /* journal_given_lsn() */
};

/* Whether PARAMETER of a query carries the id. */
bool resume_names_the_id(struct str parameter);

/* The id that the client resumes from: header Last-Event-ID, else the query's after, last_event_id
 * or lastEventId. Empty ones count as absent. Borrows from REQUEST or SCRATCH. False when there is
 * none. */
bool resume_id(const struct http_request *request, struct buffer *scratch, struct str *ret_id);

/* ID is an event id, `earliest` or `latest`. One that is ahead of the journal, as a client's may be
 * after the service was killed, goes on from there when the journal has come so far. Whether the
 * records after a position of the past are still there, only the journal's cursor knows: it says
 * -ESTALE. */
struct resume resume_decide(struct str id, const struct resume_range *range);

const char *reset_reason_name(enum reset_reason reason);

#endif
