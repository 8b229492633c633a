/* http/listener.h - listening sockets: from "HOST:PORT", "[ADDRESS]:PORT" or "unix:PATH" to file
 * descriptors. Owns the sockets and the file of a unix socket. Knows nothing of connections. */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include "base/error.h"
#include "http/list.h"
#include <ev.h>
#include <stdbool.h>
#include <sys/stat.h>

struct listener {
    ev_io accept; /* the server's */
    int fd;
    struct link link;
    struct stat file; /* of the unix socket as we made it */
    char *path;       /* of a unix socket, else NULL */
};

struct listener_options {
    /* Refused when anyone listens there already; later listeners of the same user may share the
     * address either way. */
    bool exclusive;
    /* A connection whose peer acknowledges nothing, or takes nothing, for so long is over. TCP. */
    unsigned user_timeout_ms;
};

/* Opens every address that ADDRESS stands for and appends the listeners to LIST; a name may have
 * several, and is fine when one of them can be had. Resolves names: may block. On failure a
 * negative errno, and LIST is as it was. */
int listener_open(struct link *list, const char *address, const struct listener_options *options,
                  struct error *err);

/* The accept watcher must be stopped. Removes the unix socket if it is still the one we made. */
void listener_close(struct listener *listener);

unsigned listener_port(const struct listener *listener); /* 0 for a unix socket */

#endif
