/* Expand: gives every flight the instants at which it left and arrived, beside the local times that it has. */
#include "flights.h"

#include <stdio.h>

/* A view that lasts for one migration: a batch function sees nothing but its own rows, so the zones have to be in them. */
static const char view[] =
    "CREATE VIEW flights_with_zones AS "
    "SELECT f.id, f.year, f.month, f.day, f.sched_dep_time, f.dep_time, f.dep_delay, f.arr_time, "
    "o.tzone AS origin_zone, d.tzone AS dest_zone "
    "FROM flights f "
    "LEFT JOIN airports o ON o.faa = f.origin "
    "LEFT JOIN airports d ON d.faa = f.dest";

static const char issues_table[] =
    "CREATE TABLE flight_issues ("
    "flight_id INTEGER NOT NULL, "
    "issue VARCHAR(40) NOT NULL, "
    "PRIMARY KEY (flight_id, issue), "
    "FOREIGN KEY (flight_id) REFERENCES flights (id))";

void migration_describe(rg_description *into)
{
    static const char *const instants[] = {"departed_at", "arrived_at"};
    rg_summary(into, "add the instants of departure and arrival, by the airports' time zones");
    rg_needs_raw_sql(into);
    rg_needs_table(into, RG_ALTER, "flights");
    rg_needs_table(into, RG_READ, "flights");
    rg_needs_columns(into, RG_UPDATE, NULL, "flights", instants, RG_COUNT(instants));
    rg_needs_table(into, RG_READ, "airports");
    rg_needs_table(into, RG_CREATE, "flights_with_zones");
    rg_needs_table(into, RG_READ, "flights_with_zones");
    rg_needs_table(into, RG_DROP, "flights_with_zones");
    rg_needs_table(into, RG_CREATE, "flight_issues");
    rg_needs_table(into, RG_INSERT, "flight_issues");
    rg_needs_table(into, RG_DROP, "flight_issues");
}

/* Passes columns of the view through a batch function; without columns, all of them. */
static bool transform(const char *name, const char *const *columns, size_t count, const char *table,
                      runner_migration_batches_write_mode_t mode, rg_report *report, rg_error *error)
{
    rg_string function = rg_str(name), key = rg_str("id");
    runner_migration_batches_column_request_t requests[4] = {0};
    for (size_t i = 0; i < count; i++)
        requests[i].name = rg_str(columns[i]);
    rg_source source = {.table = {.name = rg_str("flights_with_zones")}, .columns = {requests, count}, .key = {&key, 1}};
    rg_target target = {.table = {.name = rg_str(table)}, .mode = mode};
    return runner_migration_batches_transform(&function, &source, &target, report, error) && check_all_flights(report, error);
}

bool migration_upgrade(rg_error *error)
{
    static const char *const zones[] = {"origin_zone", "dest_zone"};
    runner_migration_types_dialect_t dialect = runner_migration_context_get_dialect();
    const char *instant = dialect == RUNNER_MIGRATION_TYPES_DIALECT_SQLITE     ? "TEXT"
                          : dialect == RUNNER_MIGRATION_TYPES_DIALECT_POSTGRES ? "TIMESTAMPTZ"
                                                                               : "DATETIME";
    char departed_at[64], arrived_at[64];
    snprintf(departed_at, sizeof departed_at, "ALTER TABLE flights ADD COLUMN departed_at %s", instant);
    snprintf(arrived_at, sizeof arrived_at, "ALTER TABLE flights ADD COLUMN arrived_at %s", instant);
    rg_report turned, found;
    if (!rg_execute(departed_at, NULL, 0, NULL, error) || !rg_execute(arrived_at, NULL, 0, NULL, error) ||
        !rg_execute(issues_table, NULL, 0, NULL, error) || !rg_execute(view, NULL, 0, NULL, error) ||
        !transform("instants", NULL, 0, "flights", RUNNER_MIGRATION_BATCHES_WRITE_MODE_UPDATE, &turned, error) ||
        !transform("issues", zones, 2, "flight_issues", RUNNER_MIGRATION_BATCHES_WRITE_MODE_INSERT, &found, error) ||
        !rg_execute("DROP VIEW flights_with_zones", NULL, 0, NULL, error) || !check_instants(error))
        return false;
    rg_info("%llu flights turned, %llu issues", (unsigned long long)turned.rows_written, (unsigned long long)found.rows_written);
    return true;
}

/* Where the server commits every schema change, an upgrade that failed may have left any part of this. */
bool migration_downgrade(rg_error *error)
{
    static const char *const columns[] = {"arrived_at", "departed_at"};
    if (!rg_execute("DROP VIEW IF EXISTS flights_with_zones", NULL, 0, NULL, error) ||
        !rg_execute("DROP TABLE IF EXISTS flight_issues", NULL, 0, NULL, error))
        return false;
    for (size_t i = 0; i < RG_COUNT(columns); i++) {
        char statement[64];
        bool found;
        snprintf(statement, sizeof statement, "ALTER TABLE flights DROP COLUMN %s", columns[i]);
        if (!check_column(columns[i], &found, error) || (found && !rg_execute(statement, NULL, 0, NULL, error)))
            return false;
    }
    return true;
}

bool migration_transform(const char *name, rg_batch *batch, rg_error *error)
{
    if (strcmp(name, "instants") == 0)
        return turn_instants(batch, error);
    if (strcmp(name, "issues") == 0)
        return turn_issues(batch, error);
    return rg_fail(error, "there is no batch function `%s`", name);
}
