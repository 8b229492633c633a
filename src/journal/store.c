#include "base/cleanup.h"
#include "journal/directory.h"
#include "journal/store_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TABLES = 5, READERS_MAX = 1022 };

/* The data file is kept longer than what is used by a hole, which takes no space. So what a commit
 * uses never ends beyond the file, however the process or the machine stops, and a file that was
 * cut is found out when it is opened: later, reading it through the mapping would be a SIGBUS. A
 * transaction adds its own ROOM and at most FILE_SLACK of pages that it copies (trimming is
 * bounded). */
#define FILE_SLACK ((uint64_t)128 << 20)

static int to_errno(int code)
{
    switch (code) {
    case MDB_MAP_FULL:
        return -ENOSPC;
    case MDB_VERSION_MISMATCH:
        return -EPROTO;
    case MDB_READERS_FULL:
        return -EBUSY;
    default:
        return code > 0 ? -code : -EIO;
    }
}

static const char *mend(int code)
{
    switch (code) {
    case -ENOSPC:
    case -EDQUOT:
        return "free some space on its file system, or lower journal.retention";
    case -EFBIG:
        return "raise the limit on the size of files (ulimit -f, LimitFSIZE)";
    case -ENOMEM:
        return "allow the process more address space (ulimit -v)";
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return "make it writable for this user";
    case -EPROTO:
        return "run the version of walpiper that wrote it, or remove the directory: a new epoch "
               "starts";
    case -EBUSY:
        return "lower http.threads";
    default:
        return "check the disk; if the journal is damaged: " STORE_DAMAGE_MEND;
    }
}

int store_error(const struct store *store, int code, const char *doing, struct error *err)
{
    int rc = to_errno(code);
    return error_set(err, rc, "journal %s: cannot %s: %s; %s", store->path, doing,
                     mdb_strerror(code), mend(rc));
}

static int refuse_damaged(const struct store *store, const char *what, struct error *err)
{
    return error_set(err, -EIO, "journal %s is damaged: %s; " STORE_DAMAGE_MEND, store->path, what);
}

static int refuse_format(const struct store *store, const MDB_val *format, struct error *err)
{
    int len = format->mv_size < 64 ? (int)format->mv_size : 64;
    return error_set(err, -EPROTO,
                     "journal %s has the format \"%.*s\", this version reads \"" STORE_FORMAT
                     "\"; %s",
                     store->path, len, (const char *)format->mv_data, mend(-EPROTO));
}

struct data_file {
    int fd;
    uint64_t size;
    uint64_t used;
};

/* An LMDB code. Reads nothing through the mapping but the first two pages, which LMDB has checked.
 */
static int examine_file(const struct store *store, struct data_file *ret_file)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    int fd;
    int code = mdb_env_info(store->env, &info);
    if (code == 0)
        code = mdb_env_stat(store->env, &stat);
    if (code == 0)
        code = mdb_env_get_fd(store->env, &fd);
    if (code == 0 && fstat(fd, &file) != 0)
        code = errno;
    if (code != 0)
        return code;
    *ret_file = (struct data_file){.fd = fd,
                                   .size = (uint64_t)file.st_size,
                                   .used = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize};
    return 0;
}

static int reserve_file(const struct store *store, uint64_t room)
{
    struct data_file file;
    int code = examine_file(store, &file);
    if (code != 0)
        return code;
    room += FILE_SLACK;
    if (file.size >= file.used && file.size - file.used >= room)
        return 0;
    return ftruncate(file.fd, (off_t)(file.used + room + FILE_SLACK)) == 0 ? 0 : errno;
}

/* The last write before a disk is full is cut short, which LMDB takes for a fault of the disk: the
 * file system is asked whether it has ROOM. */
static int find_cause(const struct store *store, int code, uint64_t room)
{
    struct data_file file;
    if (code != EIO || examine_file(store, &file) != 0 || room == 0)
        return code;
    if (fallocate(file.fd, FALLOC_FL_KEEP_SIZE, (off_t)file.used, (off_t)room) == 0)
        return code;
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? errno : code;
}

/* --- transactions of the writing thread -------------------------------------------------- */

static int begin_write(struct store *store, MDB_txn **ret_txn, struct error *err)
{
    int rc = store->env ? 0 : store_env_reopen(store, err);
    if (rc == 0 && store->unsettled)
        rc = store_settle(store, err);
    if (rc != 0)
        return rc;
    int code = mdb_txn_begin(store->env, NULL, 0, ret_txn);
    /* A commit that failed half-way through its last page: LMDB wants to be opened afresh. */
    if (code == MDB_PANIC) {
        store->unsettled = true;
        rc = store_env_reopen(store, err);
        if (rc == 0)
            rc = store_settle(store, err);
        if (rc != 0)
            return rc;
        code = mdb_txn_begin(store->env, NULL, 0, ret_txn);
    }
    return code == 0 ? 0 : store_error(store, code, "write", err);
}

int store_transact(struct store *store, const struct store_task *task,
                   struct store_extent *ret_extent, struct error *err)
{
    for (;;) {
        MDB_txn *txn;
        struct store_extent extent;
        int rc = begin_write(store, &txn, err);
        if (rc != 0)
            return rc;
        /* A reader of another process that was killed would keep its pages for good. */
        int code = mdb_reader_check(store->env, NULL);
        if (code == 0)
            code = reserve_file(store, task->room);
        if (code == 0)
            code = task->body(store, txn, task->argument);
        if (code == 0)
            code = store_get_extent(store, txn, &extent);
        if (code == 0)
            code = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
        if (code == 0) {
            *ret_extent = extent;
            return 0;
        }
        if (code != MDB_MAP_FULL)
            return store_error(store, find_cause(store, code, task->room), "write", err);
        rc = store_env_grow(store, err);
        if (rc != 0)
            return rc;
    }
}

/* --- the environment --------------------------------------------------------------------- */

static int open_tables(struct store *store, MDB_txn *txn, unsigned flags)
{
    int code = mdb_dbi_open(txn, "meta", flags, &store->meta);
    if (code == 0)
        code = mdb_dbi_open(txn, "records", flags, &store->records);
    if (code == 0)
        code = mdb_dbi_open(txn, "tags", flags, &store->tags);
    if (code == 0)
        code = mdb_dbi_open(txn, "late", flags, &store->late);
    if (code == 0)
        code = mdb_dbi_open(txn, "late_order", flags, &store->late_order);
    return code;
}

static int make_tables(struct store *store, MDB_txn *txn)
{
    int code = open_tables(store, txn, MDB_CREATE);
    if (code == 0)
        code = store_put_format(store, txn);
    if (code == 0)
        code = store_put_state(store, txn, &(struct store_state){0});
    return code;
}

static int check_format(struct store *store, MDB_txn *txn, struct error *err)
{
    MDB_val format;
    int code = mdb_dbi_open(txn, "meta", 0, &store->meta);
    if (code == 0)
        code = store_get_format(store, txn, &format);
    if (code == MDB_NOTFOUND)
        return refuse_damaged(store, "data.mdb is not a journal", err);
    if (code != 0)
        return store_error(store, code, "open", err);
    if (!str_equal((struct str){format.mv_data, format.mv_size}, STR(STORE_FORMAT)))
        return refuse_format(store, &format, err);
    resident_init(&store->resident, format.mv_data);
    code = open_tables(store, txn, 0);
    if (code == MDB_NOTFOUND)
        return refuse_damaged(store, "a table is missing", err);
    return code == 0 ? 0 : store_error(store, code, "open", err);
}

/* Makes the tables of a new log. The handles of tables live on after their transaction is
 * committed. */
static int enter(struct store *store, struct error *err)
{
    MDB_txn *txn;
    MDB_dbi root;
    MDB_stat stat;
    int code = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (code != 0)
        return store_error(store, code, "open", err);
    code = mdb_dbi_open(txn, NULL, 0, &root);
    if (code == 0)
        code = mdb_stat(txn, root, &stat);
    if (code == 0 && stat.ms_entries == 0)
        code = make_tables(store, txn);
    if (code == 0)
        code = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    return code == 0 ? 0 : store_error(store, code, "open", err);
}

/* Who only reads is told of damage when it comes to it: what is sound can be read. */
static int check_ends(struct store *store, MDB_txn *txn, struct error *err)
{
    int code = store_check_ends(store, txn);
    if (code == MDB_CORRUPTED)
        return refuse_damaged(store, "its newest or oldest block, or its state", err);
    return code == 0 ? 0 : store_error(store, code, "open", err);
}

static int open_log(struct store *store, bool to_write, struct error *err)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return store_error(store, code, "open", err);
    int rc = check_format(store, txn, err);
    if (rc == 0 && to_write)
        rc = check_ends(store, txn, err);
    if (rc == 0)
        code = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    return code == 0 ? rc : store_error(store, code, "open", err);
}

/* MDB_RDONLY in FLAGS: neither the file nor its tables are made. */
static int open_env(struct store *store, unsigned flags, struct error *err)
{
    int code = mdb_env_create(&store->env);
    if (code != 0)
        return store_error(store, code, "open", err);
    mdb_env_set_maxdbs(store->env, TABLES);
    mdb_env_set_maxreaders(store->env, READERS_MAX);
    mdb_env_set_mapsize(store->env, store->map_bytes);
    struct data_file file;
    int rc = 0;
    code = mdb_env_open(store->env, store->path, MDB_NOTLS | flags, 0600);
    if (code == MDB_INVALID)
        rc = refuse_damaged(store, "data.mdb is not an LMDB file", err);
    else if (code != 0 || (code = examine_file(store, &file)) != 0)
        rc = store_error(store, code, "open", err);
    else if (file.size < file.used)
        rc = refuse_damaged(store, "data.mdb is shorter than it was", err);
    if (rc == 0 && !(flags & MDB_RDONLY))
        rc = enter(store, err);
    if (rc == 0)
        rc = open_log(store, !(flags & MDB_RDONLY), err);
    if (rc != 0)
        store_env_close(store);
    return rc;
}

int store_env_open(struct store *store, struct error *err)
{
    return open_env(store, 0, err);
}

void store_env_close(struct store *store)
{
    if (store->env)
        mdb_env_close(store->env);
    store->env = NULL;
}

int store_env_reopen(struct store *store, struct error *err)
{
    pthread_rwlock_wrlock(&store->lock);
    store_env_close(store);
    int rc = store_env_open(store, err);
    pthread_rwlock_unlock(&store->lock);
    return rc;
}

static int locate_mapping(struct store *store)
{
    MDB_txn *txn;
    MDB_val format;
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return code;
    code = store_get_format(store, txn, &format);
    if (code == 0)
        resident_init(&store->resident, format.mv_data);
    mdb_txn_abort(txn);
    return code;
}

int store_env_remap(struct store *store)
{
    pthread_rwlock_wrlock(&store->lock);
    int code = mdb_env_set_mapsize(store->env, 0);
    if (code == 0)
        code = locate_mapping(store);
    pthread_rwlock_unlock(&store->lock);
    return code;
}

int store_env_grow(struct store *store, struct error *err)
{
    if (store->map_bytes > SIZE_MAX / 4)
        return store_error(store, MDB_MAP_FULL, "write", err);
    pthread_rwlock_wrlock(&store->lock);
    int code = mdb_env_set_mapsize(store->env, store->map_bytes * 2);
    if (code == 0) {
        store->map_bytes *= 2;
        code = locate_mapping(store);
    }
    pthread_rwlock_unlock(&store->lock);
    return code == 0 ? 0 : store_error(store, code, "write", err);
}

static int init_lock(struct store *store)
{
    pthread_rwlockattr_t attributes;
    int code = pthread_rwlockattr_init(&attributes);
    if (code != 0)
        return code;
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    code = pthread_rwlock_init(&store->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    return code;
}

static struct store *new_store(const char *path, size_t map_bytes, struct error *err)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store || !(store->path = str_dup(str_from(path))) || init_lock(store) != 0) {
        free(store ? store->path : NULL);
        free(store);
        error_set(err, -ENOMEM, "journal %s: out of memory", path);
        return NULL;
    }
    store->map_bytes = map_bytes;
    block_packer_init(&store->packer);
    return store;
}

/* One that is new is on disk when it is closed. */
static int make(const char *path, size_t map_bytes, struct error *err)
{
    char *place cleanup_free = NULL;
    int rc = store_make_begin(path, &place, err);
    if (rc != 0)
        return rc;
    struct store *store = new_store(place, map_bytes, err);
    if (!store)
        return -ENOMEM;
    rc = store_env_open(store, err);
    store_close(store);
    return rc == 0 ? store_make_end(path, err) : rc;
}

int store_open(struct store **ret_store, const char *path, size_t map_bytes, struct error *err)
{
    int rc = store_is_made(path) ? 0 : make(path, map_bytes, err);
    if (rc != 0)
        return rc;
    struct store *store = new_store(path, map_bytes, err);
    if (!store)
        return -ENOMEM;
    rc = store_env_open(store, err);
    if (rc == 0)
        rc = store_settle(store, err);
    if (rc == 0)
        rc = directory_sync(path, err);
    if (rc != 0) {
        store_close(store);
        return rc;
    }
    *ret_store = store;
    return 0;
}

int store_open_to_read(struct store **ret_store, const char *path, struct error *err)
{
    struct store *store = new_store(path, 0, err); /* the mapping is as large as it was */
    if (!store)
        return -ENOMEM;
    int rc = open_env(store, MDB_RDONLY, err);
    if (rc != 0) {
        store_close(store);
        return rc;
    }
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    store_env_close(store);
    block_packer_release(&store->packer);
    pthread_rwlock_destroy(&store->lock);
    free(store->path);
    free(store);
}
