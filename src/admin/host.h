/* admin/host.h - whether a Host header names this machine itself. Pure. */
#ifndef ADMIN_HOST_H
#define ADMIN_HOST_H

#include "base/str.h"

/* True for localhost, names below it, and addresses, with or without a port: for what no DNS of
 * somebody else's can point here. */
bool host_is_local(struct str host);

#endif
