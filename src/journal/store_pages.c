/* Every page of the file has one use: LMDB writes over what it takes for free. */
#include "journal/store_internal.h"

/* LMDB's own numbers: the list of free pages, and the table of tables (lmdb.h names neither). */
enum { FREE_PAGES = 0, TABLE_OF_TABLES = 1, HEAD_PAGES = 2, TABLE_NAME_MAX = 64 };

static int add_table(MDB_txn *txn, MDB_dbi table, uint64_t *pages)
{
    MDB_stat stat;
    int code = mdb_stat(txn, table, &stat);
    if (code == 0)
        *pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    return code;
}

static int add_tables(MDB_txn *txn, uint64_t *pages)
{
    MDB_cursor *cursor;
    MDB_val name;
    MDB_val value;
    int code = add_table(txn, FREE_PAGES, pages);
    if (code == 0)
        code = add_table(txn, TABLE_OF_TABLES, pages);
    if (code == 0)
        code = mdb_cursor_open(txn, TABLE_OF_TABLES, &cursor);
    if (code != 0)
        return code;
    while ((code = mdb_cursor_get(cursor, &name, &value, MDB_NEXT)) == 0) {
        char text[TABLE_NAME_MAX];
        MDB_dbi table;
        if (name.mv_size >= sizeof(text))
            code = MDB_CORRUPTED;
        else {
            memcpy(text, name.mv_data, name.mv_size);
            text[name.mv_size] = '\0';
            code = mdb_dbi_open(txn, text, 0, &table);
        }
        if (code == 0)
            code = add_table(txn, table, pages);
        if (code != 0)
            break;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

/* A value is the count and then the numbers of pages, each of the size of size_t. */
static int count_free(const MDB_val *value, uint64_t end, uint64_t *pages)
{
    size_t count;
    if (value->mv_size < sizeof(count))
        return MDB_CORRUPTED;
    memcpy(&count, value->mv_data, sizeof(count));
    if (count > value->mv_size / sizeof(count) - 1)
        return MDB_CORRUPTED;
    const char *at = value->mv_data;
    for (size_t i = 1; i <= count; i++) {
        size_t page;
        memcpy(&page, at + i * sizeof(page), sizeof(page));
        if (page < HEAD_PAGES || page >= end)
            return MDB_CORRUPTED;
    }
    *pages += count;
    return 0;
}

static int add_free(MDB_txn *txn, uint64_t end, uint64_t *pages)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int code = mdb_cursor_open(txn, FREE_PAGES, &cursor);
    if (code != 0)
        return code;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        if ((code = count_free(&value, end, pages)) != 0)
            break;
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

int store_check_pages(const struct store *store, MDB_txn *txn)
{
    MDB_envinfo info;
    uint64_t pages = HEAD_PAGES;
    int code = mdb_env_info(store->env, &info);
    /* How many there are is known of the newest transaction only. */
    if (code != 0 || info.me_last_txnid != mdb_txn_id(txn))
        return code;
    uint64_t end = (uint64_t)info.me_last_pgno + 1;
    code = add_tables(txn, &pages);
    if (code == 0)
        code = add_free(txn, end, &pages);
    if (code == 0 && pages != end)
        code = MDB_CORRUPTED;
    return code;
}
