/* admin/route.h - does a path fit a pattern? Pure. */
#ifndef ADMIN_ROUTE_H
#define ADMIN_ROUTE_H

#include "base/str.h"

/* PATTERN: "/operators/" and so on, with "*" for one segment that is not empty, and at most one of
 * them. PATH as sent: what stands in it for a "*" is compared with plain words, so nothing is
 * decoded. *RET_WORD: what did; borrowed from PATH; data == NULL without a "*". */
bool route_fits(const char *pattern, struct str path, struct str *ret_word);

#endif
