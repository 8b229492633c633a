/* source/counters.h - how the capture is: written by the capture loop, read by any thread. LSNs are
 * 0 as long as they are not known, times are of clock_monotonic_ms(). Owns nothing. */
#ifndef SOURCE_COUNTERS_H
#define SOURCE_COUNTERS_H

#include "base/counter.h"

struct source_counters {
    _Atomic(const char *) state;    /* a name of enum source_state; NULL: not started */
    _Atomic(const char *) plugin;   /* of the newest stream; NULL: there was none */
    _Atomic uint64_t streams;       /* begun */
    _Atomic uint64_t events;        /* given to the journal */
    _Atomic uint64_t transactions;  /* that had some */
    _Atomic uint64_t captured_lsn;  /* all up to there was given to the journal */
    _Atomic uint64_t confirmed_lsn; /* the server was told so */
    _Atomic uint64_t slowest_message_ms;
    _Atomic uint64_t reader; /* the server's process of the newest replication session */

    /* What the server said, every few seconds while there is a stream. */
    _Atomic uint64_t looked_ms;   /* when; 0: never */
    _Atomic uint64_t server_lsn;  /* the end of its WAL on disk */
    _Atomic uint64_t restart_lsn; /* WAL from there on is kept for the slot */
    _Atomic uint64_t safe_bytes;  /* how much more WAL before the slot is lost, */
    _Atomic uint64_t has_limit;   /* if 1; 0: max_slot_wal_keep_size has none */

    _Atomic uint64_t behind_since_ms; /* not all that the server had then is on disk; 0: all is */
};

#endif
