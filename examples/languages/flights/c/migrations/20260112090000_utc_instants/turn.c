/* What becomes of a chunk of flights. */
#include "flights.h"

#include <stdlib.h>

/* A column of numbers. */
typedef struct numbers {
    const rg_column *column;
    const int64_t *values;
} numbers;

static bool numbers_of(rg_batch *batch, const char *name, numbers *into, rg_error *error)
{
    rg_column *column = rg_column_of(batch, name, error);
    into->column = column;
    into->values = column ? rg_int64s(column, error) : NULL;
    return into->values != NULL;
}

static number number_at(const numbers *numbers, uint32_t row)
{
    number made = {!rg_is_null(numbers->column, row), numbers->values[row]};
    return made;
}

/* The zone that a column of names has in a row. */
static bool zone_at(rg_column *column, uint32_t row, const zone **into, rg_error *error)
{
    rg_texts names;
    *into = NULL;
    if (rg_is_null(column, row))
        return true;
    return rg_texts_of(column, &names, error) &&
           zone_find(names.data + names.offsets[row], names.offsets[row + 1] - names.offsets[row], into, error);
}

/* Keeps the first columns of a batch that are of these names, in their order, and frees the others. */
static void keep(rg_batch *batch, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rg_error none;
        rg_column *found = rg_column_of(batch, names[i], &none), before = batch->columns.ptr[i];
        batch->columns.ptr[i] = *found;
        *found = before;
    }
    while (batch->columns.len > count)
        runner_migration_types_column_free(batch->columns.ptr + --batch->columns.len);
}

static bool instants_put(rg_column *column, int64_t *instants, uint32_t row, number seconds, rg_error *error)
{
    instants[row] = seconds.known ? seconds.value * 1000000 : 0;
    return rg_set_null(column, row, !seconds.known, error);
}

/* The instants of each flight. */
bool turn_instants(rg_batch *batch, rg_error *error)
{
    static const char *const names[] = {"id", "year", "month", "day", "sched_dep_time", "dep_time", "dep_delay", "arr_time"};
    static const char *const kept[] = {"id", "departed_at", "arrived_at"};
    for (size_t i = 1; i < RG_COUNT(kept); i++)
        if (!rg_new_column(batch, kept[i], RUNNER_MIGRATION_TYPES_COLUMN_VALUES_TIMESTAMPTZ, error))
            return false;
    numbers columns[RG_COUNT(names)];
    for (size_t i = 0; i < RG_COUNT(names); i++)
        if (!numbers_of(batch, names[i], &columns[i], error))
            return false;
    rg_column *departures = rg_column_of(batch, kept[1], error), *arrivals = rg_column_of(batch, kept[2], error);
    rg_column *origins = rg_column_of(batch, "origin_zone", error);
    rg_column *destinations = origins ? rg_column_of(batch, "dest_zone", error) : NULL;
    int64_t *departed_at = destinations ? rg_times(departures, error) : NULL;
    int64_t *arrived_at = departed_at ? rg_times(arrivals, error) : NULL;
    if (!arrived_at)
        return false;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        flight flight = {
            columns[0].values[row], number_at(&columns[1], row), number_at(&columns[2], row), number_at(&columns[3], row),
            number_at(&columns[4], row), number_at(&columns[5], row), number_at(&columns[6], row), number_at(&columns[7], row),
        };
        number departed, arrived;
        if (!zone_at(origins, row, &flight.origin, error) || !zone_at(destinations, row, &flight.destination, error) ||
            !flight_instants(&flight, &departed, &arrived, error) || !instants_put(departures, departed_at, row, departed, error) ||
            !instants_put(arrivals, arrived_at, row, arrived, error))
            return false;
    }
    keep(batch, kept, RG_COUNT(kept));
    return true;
}

/* An issue for each flight between airports of which one has no known time zone. */
bool turn_issues(rg_batch *batch, rg_error *error)
{
    static const char issue[] = "unknown_time_zone";
    rg_column *ids = rg_column_of(batch, "id", error);
    int64_t *id = ids ? rg_int64s(ids, error) : NULL;
    rg_column *origins = id ? rg_column_of(batch, "origin_zone", error) : NULL;
    rg_column *destinations = origins ? rg_column_of(batch, "dest_zone", error) : NULL;
    if (!destinations)
        return false;
    uint32_t found = 0;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        const zone *origin, *destination;
        if (!zone_at(origins, row, &origin, error) || !zone_at(destinations, row, &destination, error))
            return false;
        if (!origin || !destination)
            id[found++] = id[row];
    }
    rg_texts_builder texts;
    if (!rg_texts_start(&texts, found, found * (sizeof issue - 1), error))
        return false;
    for (uint32_t row = 0; row < found; row++)
        if (!rg_texts_push(&texts, issue, sizeof issue - 1, error)) {
            rg_texts_drop(&texts);
            return false;
        }
    static const char *const kept[] = {"id"};
    keep(batch, kept, RG_COUNT(kept));
    ids = batch->columns.ptr;
    data_migration_string_free(&ids->name);
    ids->name = rg_copy("flight_id");
    /* A key has no NULLs. */
    ids->values.val.int64.len = found;
    batch->row_count = found;
    rg_column *issues = rg_new_column(batch, "issue", RUNNER_MIGRATION_TYPES_COLUMN_VALUES_TEXT, error);
    for (uint32_t row = 0; issues && row < found; row++)
        issues->nulls.ptr[row] = 0;
    if (!issues) {
        rg_texts_drop(&texts);
        return false;
    }
    return rg_texts_finish(&texts, issues, error);
}
