/* How far the journal is behind the server, and the operators are. */
#include "admin/internal.h"
#include "base/clock.h"
#include "base/lsn.h"

static uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

uint64_t admin_lag_bytes(const struct admin *admin)
{
    return difference(counter_read(&admin->context.source->server_lsn),
                      journal_durable_lsn(admin->context.journal));
}

static uint64_t ms_since(uint64_t since)
{
    return since > 0 ? difference(clock_monotonic_ms(), since) : 0;
}

uint64_t admin_lag_ms(const struct admin *admin)
{
    return ms_since(counter_read(&admin->context.source->behind_since_ms));
}

static uint64_t applied_lsn(const struct admin *admin, size_t i)
{
    return counter_read(&admin->context.operators[i].applied_lsn);
}

uint64_t admin_operator_lag_bytes(const struct admin *admin, size_t i)
{
    uint64_t server = counter_read(&admin->context.source->server_lsn);
    uint64_t durable = journal_durable_lsn(admin->context.journal);

    return difference(server > durable ? server : durable, applied_lsn(admin, i));
}

uint64_t admin_operator_lag_ms(const struct admin *admin, size_t i)
{
    uint64_t since = wal_clock_behind_since(admin->context.wal_clock, applied_lsn(admin, i));
    uint64_t own = ms_since(since), of_journal = admin_lag_ms(admin);

    return own > of_journal ? own : of_journal;
}
