/* base/hash.h - uthash with XXH3, for tables that each event asks: its own takes a key byte by
 * byte. Before <uthash.h>. The room links xxhash. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <xxhash.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)XXH3_64bits((key), (len)))

#endif
