/* The journal: does the slot go on where it ends? */
#include "cli/check_parts.h"
#include <errno.h>
#include <limits.h>
#include <unistd.h>

bool check_peek(struct check *c)
{
    c->journal_code = journal_peek(c->config->journal.path, &c->journal, &c->journal_error);
    return true;
}

/* Who may not ask for the cluster's identifier has to take the journal's word. */
struct continuity_slot check_slot_place(const struct check *c)
{
    return (struct continuity_slot){
        .system_identifier =
            c->system_identifier ? c->system_identifier : c->journal.identity.system_identifier,
        .database = c->database,
        .name = c->config->slot.name,
        .made_anew = !c->slot_usable,
        .confirmed = c->slot_confirmed,
    };
}

static void compare(struct check *c, const char *object)
{
    const struct continuity_slot slot = check_slot_place(c);
    enum continuity continuity = continuity_of(&c->journal.identity, c->journal.durable, &slot);
    bool as_configured = continuity == CONTINUITY_SLOT_MADE && !c->config->slot.durable;
    if (as_configured)
        finding(c->findings, FINDING_OK, object, NULL,
                "the slot is temporary: each start empties it and begins a new epoch");
    else if (!c->slot_usable && c->slot_decision == SLOT_GIVE_UP)
        finding(c->findings, FINDING_OK, object, NULL, "is served as it is");
    else if (continuity == CONTINUITY_KEPT || continuity == CONTINUITY_NEW_JOURNAL)
        finding(c->findings, FINDING_OK, object, NULL, "%s", continuity_story(continuity));
    else
        finding(c->findings, FINDING_WARNING, object,
                continuity == CONTINUITY_OTHER_SOURCE
                    ? "set journal.path to a directory of its own, or let the new epoch begin"
                    : "nothing, when that is what you want; subscribers get a reset",
                "%s: the next start empties it and begins a new epoch",
                continuity_story(continuity));
}

/* The service makes what is missing below the first directory that is there. */
static void check_place(struct check *c, const char *object)
{
    char path[PATH_MAX];
    char mend[CHECK_MEND_MAX + PATH_MAX];

    snprintf(path, sizeof(path), "%s", c->config->journal.path);
    while (access(path, F_OK) != 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path)
            snprintf(path, sizeof(path), "%s", slash ? "/" : ".");
        else
            *slash = '\0';
    }
    if (access(path, W_OK | X_OK) == 0) {
        finding(c->findings, FINDING_OK, object, NULL, "does not exist, the service makes it");
        return;
    }
    int code = errno;
    snprintf(mend, sizeof(mend), "make %s writable for this user, or set journal.path", path);
    finding(c->findings, FINDING_ERROR, object, mend, "cannot be made in %s: %s", path,
            strerrordesc_np(code));
}

bool check_journal(struct check *c)
{
    char object[CHECK_OBJECT_MAX];

    snprintf(object, sizeof(object), "journal %s", c->config->journal.path);
    if (c->journal_code == -ENOENT)
        check_place(c, object);
    else if (c->journal_code == -EBUSY)
        finding(c->findings, FINDING_OK, object, NULL, "is in use by a running service, not read");
    else if (c->journal_code < 0)
        finding_of_error(c->findings, FINDING_ERROR, "journal", NULL, &c->journal_error);
    else if (!c->slot_exists || c->slot_lost || c->slot_usable)
        compare(c, object);
    return true;
}
