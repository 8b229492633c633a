/* http/input.h - what comes in on a connection: the header of a proxy, requests one after another,
 * their bodies; behind the last one noise, within bounds. Private to the room. Owns nothing: what
 * is not done with is kept in the connection's input. */
#ifndef HTTP_INPUT_H
#define HTTP_INPUT_H

#include "http/connection.h"

/* The callback of a connection's reader. */
void input_readable(struct ev_loop *ev, ev_io *reader, int events);

/* Goes on with the requests that a pause has kept waiting. */
void input_resume(struct connection *connection);

#endif
