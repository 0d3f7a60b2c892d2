/* Declares everything that a migration can need. */
#include "runner_guest.h"

void migration_describe(rg_description *into)
{
    static const char *const columns[] = {"id", "email"};
    static const char *const total[] = {"total"};
    rg_summary(into, "needs everything");
    rg_needs_table_rebuild(into);
    rg_needs_columns(into, RG_READ, NULL, "people", columns, RG_COUNT(columns));
    rg_needs_columns(into, RG_INSERT, "billing", "invoices", total, RG_COUNT(total));
    rg_needs_table(into, RG_UPDATE, "people");
    rg_needs_table(into, RG_DELETE, "tmp_*");
    rg_needs_table(into, RG_ALTER, "people");
    rg_needs_table(into, RG_CREATE, "outbox_*");
    rg_needs_table(into, RG_DROP, "tmp_*");
    rg_needs_raw_sql(into);
    rg_needs_function(into, "random");
    rg_needs_limit(into, RUNNER_MIGRATION_DESCRIPTION_TYPES_LIMIT_GUEST_MEMORY, 512 << 20);
    rg_needs_limit(into, RUNNER_MIGRATION_DESCRIPTION_TYPES_LIMIT_FUEL, 2000000000000);
}

bool migration_upgrade(rg_error *error)
{
    return true;
}

bool migration_downgrade(rg_error *error)
{
    return true;
}

bool migration_transform(const char *name, rg_batch *batch, rg_error *error)
{
    return true;
}
