/* Whom a notice reaches and what follows, with a receiver that is not there in place of
 * web/client.c, and with programs that are. */
#include "base/log.h"
#include "blog.h"
#include "operator/notify.h"
#include "temp_dir.h"
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* --- the receiver ---------------------------------------------------------------------------- */

static struct {
    struct web_post post; /* under way, when there is a request */
    char body[1000];
    unsigned posts;
    unsigned cancelled;
    bool refuses;
} receiver;

int web_post(struct web_request **ret_request, struct web_client *client,
             const struct web_post *post, struct error *err)
{
    ck_assert_ptr_null(receiver.post.url); /* one at a time */
    receiver.posts++;
    if (receiver.refuses)
        return error_set(err, -ENOMEM, "no memory");
    receiver.post = *post;
    snprintf(receiver.body, sizeof(receiver.body), "%.*s", STR_ARG(post->body));
    *ret_request = (struct web_request *)&receiver;
    return 0;
}

void web_cancel(struct web_request *request)
{
    receiver.cancelled++;
    receiver.post.url = NULL;
}

static void answer(unsigned status)
{
    struct error why = {.code = -EIO, .text = "nobody is there"};
    ck_assert_ptr_nonnull(receiver.post.url);
    receiver.post.url = NULL;
    receiver.post.on_done(receiver.post.owner, status, status > 0 ? NULL : &why);
}

/* --- the one who tells ----------------------------------------------------------------------- */

static struct loop loop;
static struct config_operator op;
static struct notify *notify;
static int real_stderr;
static char directory[TEMP_DIR_MAX], log_file[TEMP_DIR_MAX + 16];

static void start(void)
{
    static struct config_operator_source sources[2];
    char *url = op.notify.url, **command = op.notify.command;
    temp_dir_make(directory, "notify");
    snprintf(log_file, sizeof(log_file), "%s/log", directory);
    int log = open(log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    real_stderr = dup(STDERR_FILENO);
    ck_assert(log >= 0 && real_stderr >= 0 && dup2(log, STDERR_FILENO) >= 0);
    close(log);
    memset(&receiver, 0, sizeof(receiver));
    op = blog_operator(sources);
    op.notify.url = url;
    op.notify.origin = TEXT("http://there/");
    op.notify.command = command;
    ck_assert_int_eq(loop_init(&loop), 0);
    notify = notify_new(&loop, &op, NULL);
    ck_assert_ptr_nonnull(notify);
}

static void start_with_url(void)
{
    op.notify.url = TEXT("http://user:secret@there/hidden");
    op.notify.command = NULL;
    start();
}

static void stop(void)
{
    notify_free(notify);
    loop_release(&loop);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    temp_dir_remove(directory);
}

static const char *text_of(const char *path)
{
    static char text[20000];
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[len] = '\0';
    if (file)
        fclose(file);
    return text;
}

static bool logged(const char *what)
{
    return strstr(text_of(log_file), what);
}

/* Runs the loop until it is so; fails after 20 s. */
static void run_until(bool (*is_true)(const char *what), const char *what)
{
    double deadline = ev_time() + 20;
    while (!is_true(what)) {
        ck_assert_msg(ev_time() < deadline, "waited in vain for %s: %s", what, text_of(log_file));
        ev_run(loop.ev, EVRUN_NOWAIT);
        usleep(1000);
    }
}

static bool is_asked(const char *what)
{
    return receiver.post.url && strstr(receiver.body, what);
}

static void tell_of(const char *id)
{
    notify_tell(notify,
                &(struct notice){.operator= "counts", .id = id, .error = "e", .sqlstate = ""});
}

START_TEST(test_one_at_a_time_in_order)
{
    start_with_url();
    tell_of("1");
    tell_of("2");
    ck_assert_uint_eq(receiver.posts, 0); /* who tells does not wait for any of it */
    run_until(is_asked, "\"id\":\"1\"");
    ck_assert_str_eq(receiver.post.url ? receiver.post.content_type : "", "application/json");
    tell_of("3");
    ev_run(loop.ev, EVRUN_NOWAIT);
    answer(204);
    run_until(is_asked, "\"id\":\"2\"");
    answer(200);
    run_until(is_asked, "\"id\":\"3\"");
    answer(200);
    ck_assert_uint_eq(receiver.posts, 3);
    ck_assert_str_eq(text_of(log_file), "");
    stop();
}
END_TEST

START_TEST(test_what_may_get_better_is_tried_again_and_the_others_wait)
{
    static const unsigned statuses[] = {500, 429, 0};
    start_with_url();
    tell_of("1");
    tell_of("2");
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        run_until(is_asked, "\"id\":\"1\"");
        answer(statuses[i]);
        ck_assert_uint_eq(receiver.posts, i + 1); /* not at once */
    }
    run_until(is_asked, "\"id\":\"1\"");
    answer(503);
    ck_assert(logged("a failure could not be told to http://there/: it answered with status 503"));
    ck_assert(!logged("secret") && !logged("hidden"));
    run_until(is_asked, "\"id\":\"2\"");
    answer(0);
    run_until(is_asked, "\"id\":\"2\"");
    answer(200);
    ck_assert(!logged("nobody is there"));
    stop();
}
END_TEST

START_TEST(test_what_does_not_get_better_is_given_up_at_once)
{
    start_with_url();
    tell_of("1");
    tell_of("2");
    run_until(is_asked, "\"id\":\"1\"");
    answer(302);
    run_until(is_asked, "\"id\":\"2\"");
    answer(404);
    ck_assert(logged("answered with status 302") && logged("answered with status 404"));
    receiver.refuses = true;
    tell_of("3");
    tell_of("4");
    run_until(logged, "could not be told to http://there/: no memory");
    stop();
}
END_TEST

START_TEST(test_what_does_not_fit_is_told_in_one_line)
{
    char id[16];
    start_with_url();
    for (int i = 0; i < NOTICES_MAX + 7; i++) {
        snprintf(id, sizeof(id), "n%d", i);
        tell_of(id);
    }
    for (int i = 0; i < NOTICES_MAX; i++) {
        ck_assert(!logged("were not told"));
        snprintf(id, sizeof(id), "\"n%d\"", i);
        run_until(is_asked, id);
        answer(200);
    }
    ck_assert(logged("7 failures were not told to http://there/"));
    tell_of("more");
    run_until(is_asked, "more");
    answer(200);
    ck_assert(!strstr(strstr(text_of(log_file), "were not told") + 1, "were not told"));
    stop();
}
END_TEST

START_TEST(test_what_waits_at_the_end_is_counted)
{
    start_with_url();
    tell_of("1");
    tell_of("2");
    run_until(is_asked, "\"id\":\"1\"");
    notify_free(notify);
    notify = NULL;
    ck_assert_uint_eq(receiver.cancelled, 1);
    ck_assert(logged("2 failures are not told to http://there/: the service stops"));
    stop();
}
END_TEST

START_TEST(test_trouble_of_the_operator_is_told_once_until_it_is_over)
{
    const struct error pause = {.text = "no table", .sqlstate = "42P01"};
    const struct error halt = {.text = "stopped", .sqlstate = ""};
    start_with_url();
    notify_trouble(notify, &pause, 20);
    notify_trouble(notify, &pause, 20);
    run_until(is_asked, "\"id\":null,\"error\":\"no table\",\"sqlstate\":\"42P01\"");
    ck_assert(is_asked("\"attempts\":null,\"next\":\"20"));
    answer(200);
    notify_trouble(notify, &halt, 0);
    notify_trouble(notify, &pause, 20);
    run_until(is_asked, "\"error\":\"stopped\"");
    ck_assert(is_asked("\"sqlstate\":null,\"attempts\":null,\"next\":null}"));
    answer(200);
    notify_recovered(notify);
    notify_trouble(notify, &pause, 20);
    run_until(is_asked, "no table");
    answer(200);
    tell_of("last");
    run_until(is_asked, "last");
    answer(200);
    ck_assert_uint_eq(receiver.posts, 4);
    stop();
}
END_TEST

START_TEST(test_nobody_to_be_told_is_fine)
{
    notify_tell(NULL, NULL);
    notify_trouble(NULL, NULL, 0);
    notify_recovered(NULL);
    notify_free(NULL);
}
END_TEST

/* --- a program ------------------------------------------------------------------------------- */

static void start_with_script(const char *script)
{
    static char *command[6]; /* the last one is NULL */
    command[0] = TEXT("sh");
    command[1] = TEXT("-c");
    command[2] = TEXT(script);
    command[3] = TEXT("x");
    command[4] = directory;
    op.notify.url = NULL;
    op.notify.command = command;
    start();
}

static bool was_told(const char *what)
{
    char file[TEMP_DIR_MAX + 16];
    snprintf(file, sizeof(file), "%s/told", directory);
    return strstr(text_of(file), what);
}

START_TEST(test_a_program_gets_it_on_standard_input)
{
    start_with_script("cat >> \"$1/told\"; echo >> \"$1/told\"; echo thanks >&2");
    tell_of("1");
    tell_of("; rm -rf \"$HOME\" `x`");
    run_until(was_told, "{\"operator\":\"counts\",\"id\":\"1\",\"error\":\"e\",\"sqlstate\":null,"
                        "\"attempts\":0,\"next\":null}\n{");
    run_until(was_told, "\"id\":\"; rm -rf \\\"$HOME\\\" `x`\"");
    run_until(logged, "sh says: thanks");
    stop();
}
END_TEST

START_TEST(test_one_program_at_a_time)
{
    char go[TEMP_DIR_MAX + 16];
    start_with_script("cat >> \"$1/told\"; until [ -e \"$1/go\" ]; do sleep 0.01; done");
    tell_of("1");
    run_until(was_told, "\"1\"");
    tell_of("2");
    for (int i = 0; i < 20; i++)
        ev_run(loop.ev, EVRUN_NOWAIT);
    snprintf(go, sizeof(go), "%s/go", directory);
    close(open(go, O_WRONLY | O_CREAT, 0600));
    run_until(was_told, "\"2\"");
    ck_assert(was_told("{\"operator\":\"counts\",\"id\":\"1\",\"error\":\"e\",\"sqlstate\":null,"
                       "\"attempts\":0,\"next\":null}{\"operator\":\"counts\",\"id\":\"2\""));
    ck_assert(!was_told("}{\"operator\":\"counts\",\"id\":\"1\""));
    stop();
}
END_TEST

START_TEST(test_a_program_that_fails_is_told_and_not_tried_again)
{
    start_with_script("cat >> \"$1/told\"; echo why >&2; exit 4");
    tell_of("1");
    tell_of("2");
    run_until(was_told, "\"2\"");
    run_until(logged, "a failure could not be told to sh: ended with exit code 4: why");
    ck_assert(!strstr(strstr(text_of(log_file), "code 4") + 1, "\"1\""));
    stop();
}
END_TEST

START_TEST(test_no_program_is_told)
{
    static char *command[] = {TEXT("/no/such"), NULL};
    op.notify.url = NULL;
    op.notify.command = command;
    start();
    tell_of("1");
    run_until(logged, "could not be told to /no/such: cannot be started: No such file");
    stop();
}
END_TEST

UNIT_SUITE("operator/notify", test_one_at_a_time_in_order,
           test_what_may_get_better_is_tried_again_and_the_others_wait,
           test_what_does_not_get_better_is_given_up_at_once,
           test_what_does_not_fit_is_told_in_one_line, test_what_waits_at_the_end_is_counted,
           test_trouble_of_the_operator_is_told_once_until_it_is_over,
           test_nobody_to_be_told_is_fine, test_a_program_gets_it_on_standard_input,
           test_one_program_at_a_time, test_a_program_that_fails_is_told_and_not_tried_again,
           test_no_program_is_told)
