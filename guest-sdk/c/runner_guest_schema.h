/* Changes of the schema that work on every database: tables, columns and indexes, described instead of written in SQL.
 *
 * The host writes the statement. A migration under grants needs `create`, `alter` or `drop` for the table, and no grant for statements
 * of its own.
 *
 *     rg_string key[] = {rg_str("id")};
 *     rg_column_definition columns[] = {
 *         {.name = rg_str("id"), .data_type = rg_type(RG_INT64), .identity = true},
 *         {.name = rg_str("item"), .data_type = rg_varchar(200), .not_null = true},
 *         {.name = rg_str("price"), .data_type = rg_decimal(12, 2), .not_null = true, .default_ = rg_default(rg_int64(0))},
 *         {.name = rg_str("made_at"), .data_type = rg_type(RG_TIMESTAMPTZ), .default_ = rg_current_timestamp()},
 *     };
 *     rg_table_definition orders = {
 *         .table = rg_table("orders"), .columns = {columns, RG_COUNT(columns)}, .primary_key = {key, RG_COUNT(key)},
 *     };
 *     return rg_create_table(&orders, error);
 *
 * All of it is borrowed for the call, and nothing has to be freed but the error of a call that fails. */
#pragma once

#include "runner_guest.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef runner_migration_schema_table_name_t rg_table_name;
typedef runner_migration_schema_data_type_t rg_data_type;
typedef runner_migration_schema_option_default_value_t rg_default_value;
/* `name`, `data_type`, `not_null`, `default_`, and `identity`: the database numbers the rows. */
typedef runner_migration_schema_column_definition_t rg_column_definition;
/* `columns`, `references`, `referenced` and `on_delete`. */
typedef runner_migration_schema_foreign_key_t rg_foreign_key;
/* `table`, `columns`, `primary_key`, `unique` and `foreign_keys`. */
typedef runner_migration_schema_table_definition_t rg_table_definition;
/* `name`, `table`, `columns` and `unique`. */
typedef runner_migration_schema_index_definition_t rg_index_definition;

/* The types without a size. */
enum rg_type {
    RG_BOOLEAN = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_BOOLEAN,
    RG_INT32 = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_INT32,
    RG_INT64 = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_INT64,
    RG_FLOAT64 = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_FLOAT64,
    RG_TEXT = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_TEXT,
    RG_BYTES = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_BYTES,
    RG_DATE = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_DATE,
    RG_TIME = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_TIME,
    RG_TIMESTAMP = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_TIMESTAMP,
    RG_TIMESTAMPTZ = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_TIMESTAMPTZ,
    RG_UUID = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_UUID,
    RG_JSON = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_JSON,
};

/* What happens to a row whose referenced row is deleted. */
enum rg_on_delete {
    RG_REFUSE = RUNNER_MIGRATION_SCHEMA_DELETE_ACTION_REFUSE,
    RG_CASCADE = RUNNER_MIGRATION_SCHEMA_DELETE_ACTION_CASCADE,
    RG_SET_NULL = RUNNER_MIGRATION_SCHEMA_DELETE_ACTION_SET_NULL,
};

/* A type without a size. */
static inline rg_data_type rg_type(enum rg_type type)
{
    rg_data_type made = {0};
    made.tag = (uint8_t)type;
    return made;
}

/* Text of at most that many characters, 1 to 16,383. SQLite does not enforce it. */
static inline rg_data_type rg_varchar(uint32_t length)
{
    rg_data_type made = {0};
    made.tag = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_VARCHAR;
    made.val.varchar = length;
    return made;
}

/* An exact decimal number of 1 to 65 digits, `scale` of them after the decimal point, 30 at most. */
static inline rg_data_type rg_decimal(uint8_t precision, uint8_t scale)
{
    rg_data_type made = {0};
    made.tag = RUNNER_MIGRATION_SCHEMA_DATA_TYPE_DECIMAL;
    made.val.decimal.precision = precision;
    made.val.decimal.scale = scale;
    return made;
}

/* A default: a value of the column's type. */
static inline rg_default_value rg_default(rg_value value)
{
    rg_default_value made = {0};
    made.is_some = true;
    made.val.tag = RUNNER_MIGRATION_SCHEMA_DEFAULT_VALUE_LITERAL;
    made.val.val.literal = value;
    return made;
}

/* The time of the insert as the default of a `timestamptz`. */
static inline rg_default_value rg_current_timestamp(void)
{
    rg_default_value made = {0};
    made.is_some = true;
    made.val.tag = RUNNER_MIGRATION_SCHEMA_DEFAULT_VALUE_CURRENT_TIMESTAMP;
    return made;
}

/* A table of the current schema, or of another: set `schema.is_some` and `schema.val`. */
static inline rg_table_name rg_table(const char *name)
{
    rg_table_name made = {0};
    made.name = rg_str(name);
    return made;
}

/* Creates a table. It is an error if one of that name exists. */
static inline bool rg_create_table(const rg_table_definition *definition, rg_error *error)
{
    return runner_migration_schema_create_table((rg_table_definition *)definition, error);
}

/* Drops a table. It is an error if it does not exist, or if something depends on it. */
static inline bool rg_drop_table(rg_table_name table, rg_error *error)
{
    return runner_migration_schema_drop_table(&table, error);
}

/* Gives a table another name in the same schema. Denied to migrations under grants. */
static inline bool rg_rename_table(rg_table_name table, const char *to, rg_error *error)
{
    rg_string name = rg_str(to);
    return runner_migration_schema_rename_table(&table, &name, error);
}

/* Adds a column. One that refuses NULL needs a default, for the rows that exist. */
static inline bool rg_add_column(rg_table_name table, const rg_column_definition *column, rg_error *error)
{
    return runner_migration_schema_add_column(&table, (rg_column_definition *)column, error);
}

/* Drops a column and its values. It is an error if something depends on it. */
static inline bool rg_drop_column(rg_table_name table, const char *column, rg_error *error)
{
    rg_string name = rg_str(column);
    return runner_migration_schema_drop_column(&table, &name, error);
}

/* Gives a column another name. */
static inline bool rg_rename_column(rg_table_name table, const char *column, const char *to, rg_error *error)
{
    rg_string name = rg_str(column), other = rg_str(to);
    return runner_migration_schema_rename_column(&table, &name, &other, error);
}

/* Creates an index, in the schema of its table. */
static inline bool rg_create_index(const rg_index_definition *definition, rg_error *error)
{
    return runner_migration_schema_create_index((rg_index_definition *)definition, error);
}

/* Drops an index of a table. */
static inline bool rg_drop_index(rg_table_name table, const char *index, rg_error *error)
{
    rg_string name = rg_str(index);
    return runner_migration_schema_drop_index(&table, &name, error);
}

#ifdef __cplusplus
}
#endif
