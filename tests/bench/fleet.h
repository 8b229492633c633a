/* tests/bench/fleet.h - many connections to one server, each a subscriber that asks for its path
 * and reads what comes: one thread, one epoll, one buffer. Owns the sockets. */
#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

#include "intake.h"

#include <netinet/in.h>

struct fleet_options {
    struct sockaddr_in server;
    const char *path; /* each %d in it is the subscriber's number */
    unsigned subscribers;
    unsigned filters; /* numbers go from 0 to FILTERS - 1; who comes after has the last one, too */
};

struct fleet {
    struct fleet_options options;
    struct reading *reading;
    struct member *members;
    int epoll;
    unsigned started; /* sockets that were opened */
    unsigned closed;  /* of these by the server, or broken */
    unsigned cut;     /* of these inside of a frame */
    uint64_t bytes;
};

/* Raises the limit of descriptors as far as it takes. READING is borrowed. */
int fleet_init(struct fleet *f, const struct fleet_options *options, struct reading *reading,
               struct error *err);
/* Closes all with a reset, which leaves no address in TIME_WAIT. */
void fleet_release(struct fleet *f);

/* One turn: opens some more sockets while some are missing, reads what is there, waits at most
 * TIMEOUT_MS for it. */
int fleet_turn(struct fleet *f, int timeout_ms, struct error *err);

#endif
