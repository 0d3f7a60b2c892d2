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

/* Keeps one column of a batch, which may get another name, and frees the others; there is room for more columns then. */
static rg_column *keep(rg_batch *batch, rg_column *kept, const char *name, size_t room, rg_error *error)
{
    rg_column *columns = calloc(1 + room, sizeof *columns);
    if (!columns) {
        rg_fail(error, "out of memory");
        return NULL;
    }
    columns[0] = *kept;
    memset(kept, 0, sizeof *kept);
    data_migration_string_free(&columns[0].name);
    columns[0].name = rg_copy(name);
    runner_migration_types_list_column_free(&batch->columns);
    batch->columns.ptr = columns;
    batch->columns.len = 1;
    return columns;
}

/* A column of instants without any, which has no name yet. */
static bool instants_start(rg_column *column, uint32_t rows, rg_error *error)
{
    column->nulls.ptr = calloc(rows + 1, 1);
    column->nulls.len = rows;
    column->values.tag = RUNNER_MIGRATION_TYPES_COLUMN_VALUES_TIMESTAMPTZ;
    column->values.val.timestamptz.ptr = calloc(rows + 1, sizeof(int64_t));
    column->values.val.timestamptz.len = rows;
    return (column->nulls.ptr && column->values.val.timestamptz.ptr) || rg_fail(error, "out of memory");
}

static void instants_put(rg_column *column, uint32_t row, number seconds)
{
    column->nulls.ptr[row] = !seconds.known;
    column->values.val.timestamptz.ptr[row] = seconds.known ? seconds.value * 1000000 : 0;
}

/* The instants of each flight. */
bool turn_instants(rg_batch *batch, rg_error *error)
{
    static const char *const names[] = {"id", "year", "month", "day", "sched_dep_time", "dep_time", "dep_delay", "arr_time"};
    numbers columns[RG_COUNT(names)];
    for (size_t i = 0; i < RG_COUNT(names); i++)
        if (!numbers_of(batch, names[i], &columns[i], error))
            return false;
    rg_column *origins = rg_column_of(batch, "origin_zone", error);
    rg_column *destinations = origins ? rg_column_of(batch, "dest_zone", error) : NULL;
    rg_column made[2] = {0};
    bool good = destinations && instants_start(&made[0], batch->row_count, error) && instants_start(&made[1], batch->row_count, error);
    for (uint32_t row = 0; good && row < batch->row_count; row++) {
        flight flight = {
            columns[0].values[row], number_at(&columns[1], row), number_at(&columns[2], row), number_at(&columns[3], row),
            number_at(&columns[4], row), number_at(&columns[5], row), number_at(&columns[6], row), number_at(&columns[7], row),
        };
        number departed, arrived;
        good = zone_at(origins, row, &flight.origin, error) && zone_at(destinations, row, &flight.destination, error) &&
               flight_instants(&flight, &departed, &arrived, error);
        if (good) {
            instants_put(&made[0], row, departed);
            instants_put(&made[1], row, arrived);
        }
    }
    rg_column *kept = good ? keep(batch, rg_column_of(batch, "id", error), "id", 2, error) : NULL;
    if (!kept) {
        runner_migration_types_column_free(&made[0]);
        runner_migration_types_column_free(&made[1]);
        return false;
    }
    made[0].name = rg_copy("departed_at");
    made[1].name = rg_copy("arrived_at");
    memcpy(kept + 1, made, sizeof made);
    batch->columns.len = 3;
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
    rg_column *kept = keep(batch, ids, "flight_id", 1, error);
    if (!kept) {
        rg_texts_drop(&texts);
        return false;
    }
    /* A key has no NULLs. */
    kept[0].values.val.int64.len = found;
    batch->row_count = found;
    kept[1].name = rg_copy("issue");
    kept[1].values.tag = RUNNER_MIGRATION_TYPES_COLUMN_VALUES_TEXT;
    /* What the builder replaces has as many rows, and is nothing that would have to be freed. */
    kept[1].values.val.text.offsets.len = (size_t)found + 1;
    kept[1].values.val.text.offsets.ptr = calloc((size_t)found + 1, sizeof(uint32_t));
    batch->columns.len = 2;
    return rg_texts_finish(&texts, &kept[1], error);
}
