/* Any bytes as what the server says on a replication stream, on the whole way of a change: frames,
 * decoder, event, record of the journal. Many messages a session, so that what one of them leaves
 * behind meets the next; the journal is full at times, the catalog answers this or that, and what
 * is refused starts the stream anew, as in source/.
 *
 * An input: one byte of enum choice, then frames, each after a byte of enum trouble and its length
 * in two bytes. */
#include "decode/byte_reader.h"
#include "event/id.h"
#include "pg/wire.h"
#include "source/capture.h"
#include "stream.h"

enum choice {
    CHOICE_PGOUTPUT = 1 << 0, /* else wal2json */
    CHOICE_CATALOG = 1 << 1,  /* there is a catalog to ask */
    CHOICE_SMALL = 1 << 2,    /* large events are many */
    CHOICE_STRIP = 1 << 3,    /* and come without their records; else they end the stream */
    CHOICE_EVENTS = 1 << 4,   /* one table is the events table */
};

enum trouble {
    TROUBLE_FULL = 1 << 0,      /* the journal has no room, once */
    TROUBLE_PASS_OVER = 1 << 1, /* the catalog knows the table, and that it is not published */
    TROUBLE_PARTITION = 1 << 2, /* or that it is a partition of a published one */
};

/* In place of src/journal: it looks at what it is given, and keeps nothing. */
struct journal {
    struct position offered;
    uint64_t marked;
    bool full;
};

struct session {
    struct capture capture;
    struct journal journal;
    struct config config;
    const struct decoder_ops *plugin;
    uint8_t trouble;
};

static struct session session;
static char events_table[] = "events", events_schema[] = "public", events_id[] = "id";
static char directory[] = "/tmp"; /* for a transaction of more megabytes than an input has */
static const struct event_origin origin = {
    .epoch = STR("7f3a91c2"), .database = STR("demo"), .version = STR("0.1.0")};

int journal_append(struct journal *journal, struct position position, struct str bytes,
                   const int64_t *tag)
{
    struct event event;
    struct event_id id;
    bool next =
        position.lsn == journal->offered.lsn && position.ordinal - journal->offered.ordinal <= 1;

    promise(position.ordinal == 1 || next);
    promise(event_read(&event, bytes) == 0);
    promise(event_id_parse(&id, event.id) == 0);
    promise(position_compare(id.position, position) == 0);
    promise(memchr(event.json.data, '\n', event.json.len) == NULL);
    promise(tag == NULL || session.config.events.enabled);
    journal->offered = position;
    if (journal->full) {
        journal->full = false;
        return -EAGAIN;
    }
    return 0;
}

void journal_mark(struct journal *journal, uint64_t lsn, bool urgent)
{
    (void)urgent;
    promise(!session.capture.in_transaction); /* else what is confirmed may be lost */
    promise(lsn >= journal->marked);
    journal->marked = lsn;
}

/* The journal begins empty: nothing is sent again. */
bool resent_fits(struct resent *resent, const struct transaction *transaction)
{
    (void)resent;
    (void)transaction;
    return true;
}

bool resent_passed(struct resent *resent, uint64_t lsn)
{
    (void)resent;
    (void)lsn;
    return true;
}

static void start_stream(void)
{
    session.journal.marked = 0;
    promise(capture_restart(&session.capture, session.plugin, &origin) == 0);
}

/* What the catalog says when the decoder asks it. */
static void answer(struct relation_cache *cache, uint32_t missing_type)
{
    static const struct relation_name root = {STR("public"), STR("events")};
    struct relation_name asked = relation_cache_asked(cache);

    if (missing_type != 0) {
        promise(relation_cache_type(cache, missing_type) == NULL);
        promise(relation_cache_add_type(cache, missing_type, STR("added"), 0, 0, ',') == 0);
        return;
    }
    promise(asked.table.data != NULL);
    touch(asked.schema);
    touch(asked.table);
    if (session.trouble & TROUBLE_PASS_OVER)
        promise(relation_cache_pass_over(cache, asked) == 0);
    else if (session.trouble & TROUBLE_PARTITION)
        promise(relation_cache_add_partition(cache, asked, root) == 0);
    relation_cache_answered(cache);
}

static void take_data(const struct wire_message *message)
{
    struct error error = {0};
    uint32_t missing_type = 0;
    int r;

    while ((r = capture_message(&session.capture, message->payload, message->lsn, &missing_type,
                                &error)) < 0) {
        if (r == -ENOENT)
            answer(session.capture.cache, missing_type);
        else if (r != -EAGAIN && r != -EINPROGRESS)
            break;
        error_clear(&error);
        missing_type = 0;
    }
    if (r == 0)
        return;
    promise(r == -EBADMSG || r == -EINVAL || r == -EMSGSIZE);
    promise(error.code == r && error.text[0] != '\0');
    start_stream();
}

static void take_frame(struct str bytes)
{
    struct wire_message message;
    struct error error = {0};

    if (wire_read(&message, bytes, &error) < 0)
        start_stream();
    else if (message.kind == WIRE_KEEPALIVE)
        capture_keepalive(&session.capture, message.lsn, message.reply_requested);
    else
        take_data(&message);
}

static void open_session(struct relation_cache *cache, uint8_t choice)
{
    session = (struct session){
        .plugin = choice & CHOICE_PGOUTPUT ? &pgoutput_decoder : &wal2json_decoder,
        .config.journal.path = directory,
        .config.journal.max_event = choice & CHOICE_SMALL ? 512 : 1 << 20,
        .config.journal.on_large_event =
            choice & CHOICE_STRIP ? CONFIG_STRIP_EVENT : CONFIG_STOP_CAPTURE,
        .config.events.enabled = choice & CHOICE_EVENTS,
        .config.events.schema = events_schema,
        .config.events.table = events_table,
        .config.events.id = events_id,
    };
    if (choice & CHOICE_CATALOG)
        relation_cache_set_catalog(cache);
    capture_init(&session.capture, cache, &session.journal, &session.config);
    start_stream();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct byte_reader reader = byte_reader((struct str){(const char *)data, size});
    struct str bytes;
    uint8_t choice;
    uint16_t len;

    if (!read_u8(&reader, &choice))
        return 0;
    struct relation_cache *cache = stream_types();
    open_session(cache, choice);
    while (read_u8(&reader, &session.trouble) && read_u16(&reader, &len)) {
        if (!read_bytes(&reader, len, &bytes))
            read_bytes(&reader, reader.left, &bytes);
        struct str frame = exact_copy(bytes.data, bytes.len);
        session.journal.full = session.trouble & TROUBLE_FULL;
        take_frame(frame);
        free_copy(frame);
    }
    capture_release(&session.capture);
    relation_cache_free(cache);
    return 0;
}
