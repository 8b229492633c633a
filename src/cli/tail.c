#include "cli/tail.h"
#include "base/percent.h"
#include "cli/tail_line.h"
#include "cli/tail_output.h"
#include "config/config.h"
#include "event/id.h"
#include "event/record.h"
#include "feed/match.h"
#include "journal/follow.h"
#include <errno.h>

const char cli_tail_help[] =
    "Prints events as the journal gets them, one a line, until it is stopped. TOPIC as in the URLs "
    "of\n"
    "/streams: comments, comments/89, posts/123/comments (%2F is a slash in an id); several are\n"
    "printed together; none: everything. It reads the journal's files, so run it where they are, "
    "as\n"
    "the service's user; the service need not run. Operators and subscribers do not notice.\n"
    "\n"
    "      --from ID            events after that one; or earliest, latest (the default)\n"
    "      --json               the events as JSON, one object a line\n";

/* Lines are written when so much waits, or nothing more is there. */
enum { WRITE_AT = 64 << 10, TOPICS_MAX = 256 };
/* An event of 4 GiB, of which all had to be escaped. */
#define TEXT_MAX ((size_t)16 << 30)
/* How long it looks away when the file system says nothing; and once more soon after it did, since
 * a commit shows a moment after its bytes. */
enum { LOOK_AGAIN_MS = 1000, LOOK_SOON_MS = 20 };

struct tail {
    const struct cli_options *options;
    struct config config;
    struct feed_tables tables;
    struct buffer keys[TOPICS_MAX];
    size_t key_count;
    struct buffer scratch;
    struct follower *follower;
    struct follower_view view;
    struct tail_output output;
};

/* --- topics ------------------------------------------------------------------------------ */

/* In place. A NUL is refused by topic_parse(). */
static int decode_segment(struct str *segment, char *to)
{
    struct str decoded = {to, 0};
    for (struct str rest = *segment; rest.len > 0;) {
        int byte = percent_next(&rest);
        if (byte < 0)
            return byte;
        to[decoded.len++] = (char)byte;
    }
    *segment = decoded;
    return 0;
}

/* One segment too many is enough to refuse it. */
enum { SEGMENTS_MAX = TOPIC_SEGMENTS_MAX + 1 };

static int parse_topic(struct topic *topic, struct str segments[SEGMENTS_MAX], char *word,
                       struct error *err)
{
    struct str rest = str_from(word);
    size_t count = 0;
    while (rest.data && count < SEGMENTS_MAX) {
        char *to = (char *)(uintptr_t)rest.data;
        segments[count] = str_cut(&rest, '/');
        if (decode_segment(&segments[count++], to) < 0)
            return error_set(err, -EINVAL, "Topic: %%XX wants two hex digits");
    }
    return topic_parse(topic, segments, count, err);
}

static int add_topic(struct tail *t, const char *word, struct error *err)
{
    struct topic topic = {0};
    struct str segments[SEGMENTS_MAX];
    struct buffer *key = &t->keys[t->key_count];
    char *copy = str_dup(str_from(word));
    if (!copy)
        return error_set(err, -ENOMEM, "tail: out of memory");
    int rc = parse_topic(&topic, segments, copy, err);
    /* Tables may be marked without a word in the configuration, scopes may not. */
    if (rc == 0 && topic.kind == TOPIC_SCOPE)
        rc = feed_tables_check(&t->tables, &topic, err);
    if (rc == 0) {
        buffer_init(key, TOPIC_KEY_MAX);
        t->key_count++;
        rc = topic_key(key, &topic);
        if (rc < 0)
            error_set(err, rc, "Topic: is too long");
    }
    free(copy);
    return rc < 0 ? error_prefix(err, "tail: %s", word) : 0;
}

static int add_topics(struct tail *t, struct error *err)
{
    const struct cli_options *options = t->options;
    if (options->argument_count > TOPICS_MAX)
        return error_set(err, -E2BIG, "tail: %zu topics; name %d at the most",
                         options->argument_count, TOPICS_MAX);
    for (size_t i = 0; i < options->argument_count; i++) {
        int rc = add_topic(t, options->arguments[i], err);
        if (rc < 0)
            return rc;
    }
    return match_scratch(&t->scratch) == 0 ? 0 : error_set(err, -ENOMEM, "tail: out of memory");
}

static bool is_wanted(struct tail *t, const struct event *event)
{
    for (size_t i = 0; i < t->key_count; i++)
        if (match_key(&t->tables, event, &t->scratch, buffer_str(&t->keys[i])))
            return true;
    return t->key_count == 0;
}

/* --- where it begins --------------------------------------------------------------------- */

static int refuse_start(const struct tail *t, const char *why, struct error *err)
{
    const struct follower_view *view = &t->view;
    char from[EVENT_ID_MAX], to[EVENT_ID_MAX];
    if (view->epoch[0] == '\0')
        return error_set(err, -EINVAL,
                         "tail: --from %s: %s; journal %s has no events yet: leave --from out",
                         t->options->from, why, t->config.journal.path);
    return error_set(err, -EINVAL,
                     "tail: --from %s: %s; journal %s goes on from %s to %s: write one between, "
                     "earliest or latest",
                     t->options->from, why, t->config.journal.path,
                     event_id_format(view->epoch, view->trimmed, from),
                     event_id_format(view->epoch, view->newest, to));
}

static int find_start(const struct tail *t, struct position *ret_after, struct error *err)
{
    const struct follower_view *view = &t->view;
    struct str from = str_from(t->options->from);
    struct event_id id;
    if (!from.data || str_equal(from, STR("latest")))
        *ret_after = view->newest;
    else if (str_equal(from, STR("earliest")))
        *ret_after = view->trimmed;
    else if (event_id_parse(&id, from) < 0)
        return refuse_start(t, "is no event id", err);
    else if (strcmp(id.epoch, view->epoch) != 0)
        return refuse_start(t, "is of another epoch", err);
    else if (position_compare(id.position, view->trimmed) < 0)
        return refuse_start(t, "is expired, retention has removed events after it", err);
    else if (position_compare(id.position, view->newest) > 0 && id.position.lsn > view->given)
        return refuse_start(t, "is past the newest event", err);
    else
        *ret_after = id.position;
    return 0;
}

/* --- events ------------------------------------------------------------------------------ */

static int print_event(struct tail *t, const struct journal_entry *entry, struct error *err)
{
    struct event event;
    char id[EVENT_ID_MAX];
    struct buffer *out = &t->output.text;
    if (event_read(&event, entry->bytes) < 0)
        return error_set(err, -EBADMSG,
                         "journal %s: event %s cannot be read; run the version of walpiper that "
                         "wrote it",
                         t->config.journal.path,
                         event_id_format(t->view.epoch, entry->position, id));
    if (!is_wanted(t, &event))
        return 0;
    if (t->options->json) {
        buffer_append_str(out, event.json);
        buffer_append_char(out, '\n');
    } else {
        tail_line(out, &event, tail_output_width());
    }
    if (out->failed < 0)
        return error_set(err, out->failed, "tail: no memory for event %.*s", STR_ARG(event.id));
    if (out->len >= WRITE_AT)
        tail_output_flush(&t->output);
    return 0;
}

/* Never a silent gap: the user is told what is not printed, and it goes on with what is there. */
static int go_on_elsewhere(struct tail *t, struct error *err)
{
    const char *path = t->config.journal.path;
    char last_epoch[sizeof(t->view.epoch)], from[EVENT_ID_MAX], to[EVENT_ID_MAX];
    struct position last = follower_position(t->follower);
    memcpy(last_epoch, t->view.epoch, sizeof(last_epoch));
    tail_output_flush(&t->output);
    int rc = follower_look(t->follower, &t->view, err);
    if (rc < 0)
        return rc;
    event_id_format(last_epoch, last, from);
    event_id_format(t->view.epoch, t->view.trimmed, to);
    if (strcmp(last_epoch, t->view.epoch) == 0)
        fprintf(stderr,
                "walpiper: tail: retention of journal %s has removed events after %s; going on "
                "after %s\n",
                path, from, to);
    else if (last_epoch[0] != '\0')
        fprintf(stderr,
                "walpiper: tail: journal %s has begun a new epoch, %s, after %s; going on with its "
                "first event\n",
                path, t->view.epoch, from);
    follower_seek(t->follower, t->view.epoch, t->view.trimmed);
    return 0;
}

/* All that is there. */
static int drain(struct tail *t, bool *ret_any, struct error *err)
{
    struct journal_entry entry;
    int rc = 0;
    *ret_any = false;
    while (!t->output.ended) {
        rc = follower_next(t->follower, &entry, err);
        if (rc == 0 || (rc < 0 && rc != -ESTALE))
            break;
        *ret_any = true;
        rc = rc > 0 ? print_event(t, &entry, err) : go_on_elsewhere(t, err);
        if (rc < 0)
            break;
    }
    tail_output_flush(&t->output);
    return rc < 0 ? rc : 0;
}

static int follow(struct tail *t, struct error *err)
{
    bool soon = false;
    while (!t->output.ended) {
        bool any;
        follower_clear(t->follower);
        int rc = drain(t, &any, err);
        if (rc < 0)
            return rc;
        soon = tail_output_wait(&t->output, follower_descriptor(t->follower),
                                soon || any ? LOOK_SOON_MS : LOOK_AGAIN_MS);
    }
    return t->output.code < 0 ? error_set(err, t->output.code, "tail: cannot write: %s",
                                          strerrordesc_np(-t->output.code))
                              : 0;
}

static int run(struct tail *t, struct error *err)
{
    struct position after = {0};
    int rc = config_load(&t->config, t->options->config_file, err);
    if (rc == 0)
        rc = feed_tables_init(&t->tables, &t->config, err);
    if (rc == 0)
        rc = add_topics(t, err);
    if (rc == 0)
        rc = follower_open(&t->follower, t->config.journal.path, err);
    if (rc == 0)
        rc = follower_look(t->follower, &t->view, err);
    if (rc == 0)
        rc = find_start(t, &after, err);
    if (rc < 0)
        return rc;
    follower_seek(t->follower, t->view.epoch, after);
    return follow(t, err);
}

enum cli_exit cli_tail(const struct cli_options *options)
{
    struct tail t = {.options = options};
    struct error err = {0};

    tail_output_init(&t.output, TEXT_MAX);
    int rc = run(&t, &err);
    tail_output_release(&t.output);
    if (t.follower)
        follower_close(t.follower);
    for (size_t i = 0; i < t.key_count; i++)
        buffer_release(&t.keys[i]);
    buffer_release(&t.scratch);
    feed_tables_release(&t.tables);
    config_release(&t.config);
    return rc == 0 ? CLI_DONE : cli_fail(CLI_FAILED, "%s", err.text);
}
