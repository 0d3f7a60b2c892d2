/* What has to hold before the migration ends. */
#include "flights.h"

#include <stdio.h>

enum { NAMED = 5 };

/* An instant stands wherever one can be known, and nowhere else; where one cannot, an issue says so; and nobody arrives before
   they left. */
static const struct {
    const char *what, *query;
} faults[] = {
    {"arrived no later than it left", "SELECT id FROM flights WHERE arrived_at <= departed_at"},
    {"never left, but has an instant of departure",
     "SELECT id FROM flights WHERE departed_at IS NOT NULL AND (dep_time IS NULL OR dep_delay IS NULL)"},
    {"never arrived, but has an instant of arrival",
     "SELECT id FROM flights WHERE arrived_at IS NOT NULL AND (arr_time IS NULL OR departed_at IS NULL)"},
    {"left, but has neither an instant of departure nor an issue",
     "SELECT id FROM flights f WHERE departed_at IS NULL AND dep_time IS NOT NULL AND dep_delay IS NOT NULL "
     "AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)"},
    {"arrived, but has neither an instant of arrival nor an issue",
     "SELECT id FROM flights f WHERE arrived_at IS NULL AND arr_time IS NOT NULL AND departed_at IS NOT NULL "
     "AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)"},
    {"goes to or from an airport without a time zone, but has no issue",
     "SELECT id FROM flights f "
     "WHERE (NOT EXISTS (SELECT 1 FROM airports a WHERE a.faa = f.origin AND a.tzone IS NOT NULL) "
     "OR NOT EXISTS (SELECT 1 FROM airports a WHERE a.faa = f.dest AND a.tzone IS NOT NULL)) "
     "AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)"},
};

/* The only value of a query, which is a number. */
static bool number_of(const char *query, int64_t *into, rg_error *error)
{
    rg_row_set rows;
    if (!rg_query(query, NULL, 0, &rows, error))
        return false;
    bool good = rows.rows.len == 1 && rows.rows.ptr[0].len == 1 && rows.rows.ptr[0].ptr[0].tag == RUNNER_MIGRATION_TYPES_VALUE_INT64;
    if (good)
        *into = rows.rows.ptr[0].ptr[0].val.int64;
    rg_row_set_free(&rows);
    return good || rg_fail(error, "not one number: %s", query);
}

bool check_all_flights(const rg_report *report, rg_error *error)
{
    int64_t flights;
    if (!number_of("SELECT count(*) FROM flights", &flights, error))
        return false;
    return (int64_t)report->rows_read == flights ||
           rg_fail(error, "%llu of %lld flights were read", (unsigned long long)report->rows_read, (long long)flights);
}

bool check_instants(rg_error *error)
{
    for (size_t i = 0; i < RG_COUNT(faults); i++) {
        char query[1024], named[256] = "";
        rg_row_set rows;
        snprintf(query, sizeof query, "%s ORDER BY id LIMIT %d", faults[i].query, NAMED + 1);
        if (!rg_query(query, NULL, 0, &rows, error))
            return false;
        size_t found = rows.rows.len;
        for (size_t row = 0; row < found && row < NAMED; row++)
            snprintf(named + strlen(named), sizeof named - strlen(named), "%s%lld", row ? ", " : "",
                     (long long)rows.rows.ptr[row].ptr[0].val.int64);
        rg_row_set_free(&rows);
        if (found)
            return rg_fail(error, "%s: flights %s%s", faults[i].what, named, found > NAMED ? " and more" : "");
    }
    return true;
}

bool check_column(const char *name, bool *found, rg_error *error)
{
    runner_migration_types_dialect_t dialect = runner_migration_context_get_dialect();
    char query[256];
    int64_t count;
    if (dialect == RUNNER_MIGRATION_TYPES_DIALECT_SQLITE)
        snprintf(query, sizeof query, "SELECT count(*) FROM pragma_table_info('flights') WHERE name = '%s'", name);
    else
        snprintf(query, sizeof query,
                 "SELECT count(*) FROM information_schema.columns WHERE table_schema = %s AND table_name = 'flights' "
                 "AND column_name = '%s'",
                 dialect == RUNNER_MIGRATION_TYPES_DIALECT_POSTGRES ? "current_schema()" : "DATABASE()", name);
    if (!number_of(query, &count, error))
        return false;
    *found = count > 0;
    return true;
}
