/* How far the journal is behind the server. */
#include "admin/internal.h"
#include "base/clock.h"

uint64_t admin_lag_bytes(const struct admin *admin)
{
    uint64_t server = counter_read(&admin->context.source->server_lsn);
    uint64_t durable = journal_durable_lsn(admin->context.journal);
    return server > durable ? server - durable : 0;
}

uint64_t admin_lag_ms(const struct admin *admin)
{
    uint64_t since = counter_read(&admin->context.source->behind_since_ms);
    uint64_t now = clock_monotonic_ms();
    return since > 0 && now > since ? now - since : 0;
}
