/* Migrations for runner in C: one header over the generated bindings (`data_migration.h`), which have everything that is not here.
 *
 * A migration defines the four functions below. Build it with `runner_guest.c` and `data_migration.c`, and link
 * `data_migration_component_type.o`, which carries the contract.
 *
 * Who owns what:
 *
 * - What a function of the host takes is borrowed: texts, values and batches stay yours, on the stack or in constants.
 * - What a function of the host returns is yours: free it with the function of its type, such as `rg_row_set_free`.
 * - The batch of `migration_transform` is yours during the call, and the host's afterwards. Everything in it comes from `malloc`:
 *   change it in place, or replace a part by `rg_texts_finish` and the like, which free what was there.
 * - An error is filled by `rg_fail`, or by a function of the host that fails. `return false` hands it on. An error that you do not
 *   hand on is freed by `rg_error_free`.
 *
 * All functions return true if they succeed. There is no clock, file, network or thread: see `runner_migration_context_*` for
 * the time of the run, its seed, parameters and assets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "data_migration.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef data_migration_string_t rg_string;
typedef data_migration_description_t rg_description;
typedef runner_migration_types_error_t rg_error;
typedef runner_migration_types_value_t rg_value;
typedef runner_migration_types_row_set_t rg_row_set;
typedef runner_migration_types_batch_t rg_batch;
typedef runner_migration_types_column_t rg_column;
typedef runner_migration_batches_table_source_t rg_source;
typedef runner_migration_batches_table_target_t rg_target;
typedef runner_migration_batches_transform_report_t rg_report;

#define RG_COUNT(array) (sizeof(array) / sizeof *(array))

/* What a migration defines. */

/* Describes the migration: `rg_summary`, and then what else there is to say. */
void migration_describe(rg_description *into);
bool migration_upgrade(rg_error *error);
bool migration_downgrade(rg_error *error);
/* A batch function, called for `rg_transform`: changes the batch. `name` is the one that `rg_transform` was given. */
bool migration_transform(const char *name, rg_batch *batch, rg_error *error);

/* Descriptions. */

/* The description of a migration with this summary, which works on all databases and can be undone. What follows adds to it. */
void rg_summary(rg_description *into, const char *summary);
/* There is no way back: `rollback` is refused before it begins, and `migration_downgrade` is never called. */
void rg_irreversible(rg_description *into);
/* How its work is committed: RUNNER_MIGRATION_DESCRIPTION_TYPES_MODE_…, AUTO unless it is set. */
void rg_mode(rg_description *into, runner_migration_description_types_mode_t mode);
/* One of the databases it works on: RUNNER_MIGRATION_TYPES_DIALECT_…. If there is none, it works on all of them. */
void rg_dialect(rg_description *into, runner_migration_types_dialect_t dialect);
/* An earlier revision that must be applied before this one. */
void rg_depends_on(rg_description *into, const char *revision);

/* Needs, each of which is added to the description: `runner plan` shows them, and compares them with what the operator grants. */

/* What is done with a table. */
typedef enum {
    RG_READ = RUNNER_MIGRATION_DESCRIPTION_TYPES_TABLE_VERB_READ,
    RG_INSERT = RUNNER_MIGRATION_DESCRIPTION_TYPES_TABLE_VERB_INSERT,
    RG_UPDATE = RUNNER_MIGRATION_DESCRIPTION_TYPES_TABLE_VERB_UPDATE,
    RG_DELETE = RUNNER_MIGRATION_DESCRIPTION_TYPES_TABLE_VERB_DELETE,
    RG_ALTER = RUNNER_MIGRATION_DESCRIPTION_TYPES_TABLE_VERB_ALTER,
    RG_CREATE = RUNNER_MIGRATION_DESCRIPTION_TYPES_TABLE_VERB_CREATE,
    RG_DROP = RUNNER_MIGRATION_DESCRIPTION_TYPES_TABLE_VERB_DROP,
} rg_verb;

/* A table, whole. A trailing `*` in the name matches any suffix. */
void rg_needs_table(rg_description *into, rg_verb verb, const char *table);
/* Columns of a table, for RG_READ, RG_INSERT and RG_UPDATE; no columns are all of them. A schema of NULL is the one in which the
   migration works. */
void rg_needs_columns(rg_description *into, rg_verb verb, const char *schema, const char *table, const char *const *columns,
                      size_t count);
/* Statements of its own: `rg_execute`, `rg_query`, and readers of a SELECT. */
void rg_needs_raw_sql(rg_description *into);
/* On SQLite, foreign keys are checked at the end only, so that tables can be rebuilt. */
void rg_needs_table_rebuild(rg_description *into);
/* The function of this name, which does more than compute with its arguments. */
void rg_needs_function(rg_description *into, const char *name);
/* A limit, RUNNER_MIGRATION_DESCRIPTION_TYPES_LIMIT_…, that is not lower than this. */
void rg_needs_limit(rg_description *into, runner_migration_description_types_limit_t limit, uint64_t at_least);

/* Texts. */

/* A text that is borrowed: a constant, for a parameter. */
static inline rg_string rg_str(const char *text)
{
    rg_string string = {(uint8_t *)text, strlen(text)};
    return string;
}

/* A copy from `malloc`, for what the host frees. */
rg_string rg_copy(const char *text);

/* Replaces each byte that is not UTF-8, which the host would refuse, by U+FFFD. The text is from `malloc`. `rg_fail`, `rg_info` and
   `rg_warning` do this themselves. */
void rg_readable(rg_string *text);

/* Errors and messages. */

/* Fails: fills the error, in the manner of `printf`. Always returns false. In a batch function, `{row 17}` in the message is a row of the
   batch that it was given, for whose key and values the operator is told: `rg_fail(error, "{row %u}: no such country", row)`. */
bool rg_fail(rg_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes to the log of the run, in the manner of `printf`. */
void rg_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void rg_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void rg_error_free(rg_error *error)
{
    runner_migration_types_error_free(error);
}

/* Statements. */

rg_value rg_null(void);
rg_value rg_boolean(bool value);
rg_value rg_int64(int64_t value);
rg_value rg_float64(double value);
/* The text is borrowed. */
rg_value rg_text(const char *value);

/* Executes one statement. `rows`: how many it changed, unless it is NULL. */
bool rg_execute(const char *sql, const rg_value *parameters, size_t count, uint64_t *rows, rg_error *error);

/* Runs a query with a small result, which is yours to free. */
bool rg_query(const char *sql, const rg_value *parameters, size_t count, rg_row_set *into, rg_error *error);

static inline void rg_row_set_free(rg_row_set *rows)
{
    runner_migration_types_row_set_free(rows);
}

/* Transforms. */

/* Runs `migration_transform` over the columns of a table, with its primary key, and updates the rows. Without columns, all of them.
   `report`: what was done, unless it is NULL. For other sources and targets, see `runner_migration_batches_transform`. */
bool rg_transform(const char *name, const char *table, const char *const *columns, size_t count, rg_report *report, rg_error *error);

/* Columns. */

/* The column of that name; NULL, and an error, if there is none. */
rg_column *rg_column_of(rg_batch *batch, const char *name, rg_error *error);
/* Fails: the batch has no such column. Always returns false. */
bool rg_fail_column(const rg_batch *batch, const char *name, size_t size, rg_error *error);

/* A new column at the end of the batch, of nothing but NULLs; NULL, and an error, if there is one of that name. `type`:
   RUNNER_MIGRATION_TYPES_COLUMN_VALUES_…. A pointer to another column of the batch is not valid after it. */
rg_column *rg_new_column(rg_batch *batch, const char *name, uint8_t type, rg_error *error);

/* The entries of a column, one for each row; NULL, and an error, only if it has another type. Change them in place. A column of
   nothing but NULLs has any type, since a database may not know theirs: it becomes one of the type that is asked for. */
int64_t *rg_int64s(rg_column *column, rg_error *error);
double *rg_float64s(rg_column *column, rg_error *error);
uint8_t *rg_booleans(rg_column *column, rg_error *error);
/* Days since 1970-01-01. */
int32_t *rg_dates(rg_column *column, rg_error *error);
/* Microseconds: of `time`, `timestamp` or `timestamptz`. */
int64_t *rg_times(rg_column *column, rg_error *error);
/* Two numbers for each row: the first and the last eight bytes, big-endian. */
uint64_t *rg_uuids(rg_column *column, rg_error *error);

/* Whether the entry is NULL. An entry that is has no meaning. */
static inline bool rg_is_null(const rg_column *column, uint32_t row)
{
    return column->nulls.len && column->nulls.ptr[row];
}

/* Makes the entry NULL, or not. */
bool rg_set_null(rg_column *column, uint32_t row, bool null, rg_error *error);

/* The texts of a column, end to end: text `row` is `data[offsets[row]]` up to `data[offsets[row + 1]]`. Also for bytes, decimals, JSON
   and native types. */
typedef struct rg_texts {
    const uint32_t *offsets;
    uint8_t *data;
    size_t size;
} rg_texts;

/* The texts of a column: change the bytes in place where their lengths stay the same. */
bool rg_texts_of(rg_column *column, rg_texts *into, rg_error *error);

/* New texts for a column, of other lengths. */
typedef struct rg_texts_builder {
    uint32_t *offsets;
    uint32_t rows, capacity_rows;
    uint8_t *data;
    size_t size, capacity;
} rg_texts_builder;

/* Begins the texts of so many rows. `size`: what they are expected to take together; more is possible. */
bool rg_texts_start(rg_texts_builder *builder, uint32_t rows, size_t size, rg_error *error);
/* The text of the next row. For a NULL, any: an empty one. */
bool rg_texts_push(rg_texts_builder *builder, const void *text, size_t size, rg_error *error);
/* Replaces the texts of a column, which become the builder's. */
bool rg_texts_finish(rg_texts_builder *builder, rg_column *column, rg_error *error);
/* Drops what was pushed, after a failure. */
void rg_texts_drop(rg_texts_builder *builder);

#ifdef __cplusplus
}
#endif
