#include "journal/verify.h"
#include "journal/directory.h"
#include "journal/holds.h"
#include "journal/verify_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what is found ----------------------------------------------------------------------- */

void verify_found(struct verify *v, struct position at, const char *format, ...)
{
    struct verify_report *report = v->report;
    if (report->damage_count < VERIFY_DAMAGES_MAX) {
        struct verify_damage *damage = &report->damages[report->damage_count];
        va_list arguments;
        damage->at = at;
        va_start(arguments, format);
        vsnprintf(damage->what, sizeof(damage->what), format, arguments);
        va_end(arguments);
    }
    report->damage_count++;
}

static bool is_zero(struct position position)
{
    return position.lsn == 0 && position.ordinal == 0;
}

/* --- all of it --------------------------------------------------------------------------- */

static int check_holds(struct verify *v, struct error *err)
{
    struct buffer coded;
    struct holds holds = {0};
    buffer_init(&coded, HOLDS_CODED_MAX);
    int rc = store_holds(v->store, &coded, err);
    if (rc == 0)
        rc = holds_decode(&holds, buffer_str(&coded));
    if (rc == -EIO)
        verify_found(v, (struct position){0}, "the holds of readers are damaged");
    v->report->holds = holds.count;
    holds_release(&holds);
    buffer_release(&coded);
    return rc == -EIO ? 0 : rc;
}

/* In one transaction: what CHECK reads is little beside the records. */
static int check_table(struct verify *v, int (*check)(const struct store *, MDB_txn *),
                       const char *damage)
{
    MDB_txn *txn;
    int code = store_begin_read(v->store, &txn);
    if (code != 0)
        return code;
    code = check(v->store, txn);
    store_end_read(v->store, txn, 0);
    if (code != MDB_CORRUPTED)
        return code;
    verify_found(v, (struct position){0}, "%s", damage);
    return 0;
}

/* Nothing that was read before tells anything of what is there now. */
static int check_epoch(const struct verify *v, struct error *err)
{
    struct journal_identity now;
    int rc = store_identity(v->store, &now, err);
    if (rc == 0 && strcmp(now.epoch, v->report->identity.epoch) != 0)
        return error_set(err, -EAGAIN, "journal %s: a new epoch began meanwhile; try again",
                         v->store->path);
    return rc == -EIO ? 0 : rc;
}

static int walk(struct verify *v, struct error *err)
{
    int rc = store_identity(v->store, &v->report->identity, err);
    if (rc == -EIO)
        verify_found(v, (struct position){0}, "the identity is damaged");
    rc = check_holds(v, err);
    if (rc != 0)
        return rc;
    int code = verify_blocks(v);
    if (code == 0)
        code = verify_tags(v);
    if (code == 0)
        code = check_table(v, store_check_late,
                           "what is remembered of removed tags that came late is damaged");
    if (code == 0)
        code = check_table(v, store_check_pages,
                           "the pages in use and the free ones are not all pages there are");
    if (code == 0)
        return check_epoch(v, err);
    rc = store_error(v->store, code, "read", err);
    if (rc != -EIO)
        return rc;
    verify_found(v, v->at, "after this record: %s",
                 code == MDB_CORRUPTED ? "the state or a key is damaged" : mdb_strerror(code));
    return 0;
}

/* What the process that reads leaves for the one that waits. */
struct shared_report {
    bool done;
    int rc;
    struct error err;
    struct verify v;
    struct verify_report report;
};

static int examine(const char *path, struct shared_report *shared)
{
    struct verify *v = &shared->v;
    v->report = &shared->report;
    int rc = store_open_to_read(&v->store, path, &shared->err);
    if (rc != 0)
        return rc;
    buffer_init(&v->copy.value, UINT32_MAX);
    buffer_init(&v->copy.scratch, BLOCK_PACKED_MAX);
    rc = walk(v, &shared->err);
    buffer_release(&v->copy.value);
    buffer_release(&v->copy.scratch);
    store_close(v->store);
    return rc;
}

/* Its death is an answer: it says nothing and leaves no core. */
static void examine_and_exit(const char *path, struct shared_report *shared)
{
    const struct rlimit none = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &none);
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (quiet >= 0)
        dup2(quiet, STDERR_FILENO);
    shared->rc = examine(path, shared);
    shared->done = true;
    _exit(0);
}

static int examine_apart(const char *path, struct shared_report *shared, struct error *err)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        examine_and_exit(path, shared);
    if (pid < 0)
        return error_set(err, -errno, "journal %s: cannot start a process: %s; raise the limit",
                         path, strerrordesc_np(errno));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(err, -errno, "journal %s: lost the process that reads it: %s", path,
                             strerrordesc_np(errno));
    if (!shared->done) {
        shared->v.report = &shared->report;
        verify_found(&shared->v, shared->v.at,
                     is_zero(shared->v.at) ? "its pages cannot be followed"
                                           : "after this record its pages cannot be followed");
        return 0;
    }
    if (shared->rc != 0 && err)
        *err = shared->err;
    return shared->rc;
}

int journal_verify(const char *path, struct verify_report *ret_report, struct error *err)
{
    struct stat file;
    int rc = directory_data(path, &file, err);
    if (rc != 0)
        return rc;
    struct shared_report *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return error_set(err, -ENOMEM, "journal %s: out of memory", path);
    rc = examine_apart(path, shared, err);
    if (rc == 0)
        *ret_report = shared->report;
    munmap(shared, sizeof(*shared));
    return rc;
}
