/* appender DIRECTORY LAST RETENTION: appends the transactions of script.h to a journal, from its
 * mark up to LAST, as a source would, and says what is on disk: one line "durable LSN" a step, of
 * what may be confirmed to a server from then on. It is made to be killed. When the disk fails it
 * closes the journal and opens it again, and packs what comes otherwise than before, as a restart
 * does. Where the disk keeps it from beginning it ends with 74 (EX_IOERR). */
#include "journal/journal.h"
#include "script.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static struct journal *journal;
static struct journal_options options = {
    .ring_bytes = 1 << 20, .batch_bytes = 16 << 10, .ahead_bytes = 4 << 20};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t progress = PTHREAD_COND_INITIALIZER;
static unsigned long rounds;

static int fail(const char *what, int rc, const struct error *err)
{
    fprintf(stderr, "appender: %s: %d %s\n", what, rc, err->text);
    return rc == -EIO ? EX_IOERR : EXIT_FAILURE;
}

static void say_durable(void)
{
    char line[64];
    int len = snprintf(line, sizeof(line), "durable %llu\n",
                       (unsigned long long)journal_durable_lsn(journal));
    if (write(STDOUT_FILENO, line, (size_t)len) != len)
        _exit(EXIT_FAILURE);
}

static void on_durable(struct journal_listener *self)
{
    (void)self;
    say_durable();
    pthread_mutex_lock(&lock);
    rounds++;
    pthread_cond_signal(&progress);
    pthread_mutex_unlock(&lock);
}

static struct journal_listener listener = {.on_durable = on_durable};

/* False: the journal fails. */
static bool wait_until_durable(uint64_t lsn)
{
    pthread_mutex_lock(&lock);
    while (journal_durable_lsn(journal) < lsn && !journal_failing(journal, NULL))
        pthread_cond_wait(&progress, &lock);
    bool durable = journal_durable_lsn(journal) >= lsn;
    pthread_mutex_unlock(&lock);
    return durable;
}

static int open_journal(struct error *err)
{
    int rc = journal_open(&journal, &options, err);
    if (rc < 0)
        return rc;
    journal_listen(journal, &listener);
    say_durable();
    return 0;
}

static void close_journal(void)
{
    journal_unlisten(journal, &listener);
    journal_close(journal);
}

static int append_transaction(uint64_t lsn)
{
    char text[SCRIPT_BYTES_MAX];
    for (uint32_t ordinal = 1; ordinal <= script_count(lsn); ordinal++) {
        struct position position = {lsn, ordinal};
        int64_t tag;
        bool tagged = script_tag(position, &tag);
        int rc =
            journal_append(journal, position, script_record(position, text), tagged ? &tag : NULL);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Some transactions go to disk alone, some together, some in two parts; in other ones each time the
 * journal is opened. */
static int append_all(uint64_t last, struct error *err)
{
    unsigned opened = 0;
    for (uint64_t lsn = journal_durable_lsn(journal) + 1; lsn <= last; lsn++) {
        int rc = append_transaction(lsn);
        if (rc < 0)
            return rc;
        if ((lsn + opened) % 4 == 0)
            journal_flush(journal);
        journal_mark(journal, lsn, true);
        if (((lsn + opened) % 3 != 0 && lsn != last) || wait_until_durable(lsn))
            continue;
        close_journal();
        opened++;
        options.batch_bytes = (size_t)(2 + 5 * (opened % 4)) << 10;
        rc = open_journal(err);
        if (rc < 0)
            return rc;
        lsn = journal_durable_lsn(journal);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    struct journal_identity identity;
    struct error err = {0};
    options.path = argv[1];
    options.retention_bytes = strtoull(argv[3], NULL, 10);
    int rc = open_journal(&err);
    if (rc < 0)
        return fail("open", rc, &err);
    journal_identity(journal, &identity);
    if (identity.epoch[0] == '\0') {
        rc = journal_begin_epoch(journal, &identity, 0, &err);
        if (rc < 0)
            return fail("begin", rc, &err);
    }
    rc = append_all(strtoull(argv[2], NULL, 10), &err);
    if (rc < 0)
        return fail("append", rc, &err);
    close_journal();
    return EXIT_SUCCESS;
}
