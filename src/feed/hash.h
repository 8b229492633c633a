/* feed/hash.h - uthash as this room uses it: what is added has a field `in_hash`, which is false
 * after the macro when memory was out. */
#ifndef FEED_HASH_H
#define FEED_HASH_H

#include "base/hash.h"

/* Out of memory is an answer, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->in_hash = false)
#include <uthash.h>
#include <utlist.h>

#endif
