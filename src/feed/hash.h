/* feed/hash.h - uthash as this room uses it: what is added has a field `in_hash`, which is false
 * after the macro when memory was out. */
#ifndef FEED_HASH_H
#define FEED_HASH_H

/* Out of memory is an answer, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->in_hash = false)
/* Each event asks for several keys: uthash's own takes them byte by byte. */
#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)XXH3_64bits((key), (len)))
#include <uthash.h>
#include <utlist.h>
#include <xxhash.h>

#endif
