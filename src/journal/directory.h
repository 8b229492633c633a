/* journal/directory.h - the journal's directory and the lock that keeps a second process out of it.
 */
#ifndef JOURNAL_DIRECTORY_H
#define JOURNAL_DIRECTORY_H

#include "base/error.h"

struct stat; /* of <sys/stat.h> */

/* "PATH/NAME", which the caller frees; NULL when memory is out, told in ERR. */
char *directory_file(const char *path, const char *name, struct error *err);
/* Examines the file of the journal's records. -ENOENT: there is none, as ERR tells somebody who
 * wants to read it. */
int directory_data(const char *path, struct stat *ret_file, struct error *err);
/* Makes PATH and what is missing above it (0700), on disk. */
int directory_make(const char *path, struct error *err);
/* Puts the names of new files of PATH on disk. */
int directory_sync(const char *path, struct error *err);
/* Locks PATH/walpiper.lock and writes our process id into it. The lock ends with the descriptor,
 * however the process ends. Returns it, or -EBUSY with the other's process id in ERR. */
int directory_lock(const char *path, struct error *err);
/* 0 when no process has the lock, -EBUSY with its id in ERR; makes nothing. -ENOENT: no journal was
 * ever opened here. */
int directory_examine_lock(const char *path, struct error *err);

#endif
