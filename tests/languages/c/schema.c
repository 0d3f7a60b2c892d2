/* Changes of the schema: every type with a default, every constraint and every call, as `tests/guests/changes` does them in Rust. */
#include "runner_guest_schema.h"

#define VALUE(kind, field, of) ((rg_value){.tag = RUNNER_MIGRATION_TYPES_VALUE_##kind, .val = {.field = of}})

void migration_describe(rg_description *into)
{
    rg_summary(into, "change the schema");
}

static rg_column_definition column(const char *name, rg_data_type type, rg_default_value value)
{
    return (rg_column_definition){.name = rg_str(name), .data_type = type, .not_null = true, .default_ = value};
}

bool migration_upgrade(rg_error *error)
{
    const rg_default_value none = {0};
    data_migration_list_u8_t raw = {(uint8_t *)"\0\xff'", 3};
    data_migration_tuple2_u64_u64_t uuid = {1, 2};
    rg_column_definition columns[] = {
        {.name = rg_str("id"), .data_type = rg_type(RG_INT64), .identity = true},
        column("code", rg_varchar(20), rg_default(rg_text("it's \\ \"here\""))),
        column("flag", rg_type(RG_BOOLEAN), rg_default(rg_boolean(true))),
        column("small", rg_type(RG_INT32), rg_default(rg_int64(-5))),
        column("large", rg_type(RG_INT64), rg_default(rg_int64(INT64_MAX))),
        column("ratio", rg_type(RG_FLOAT64), rg_default(rg_float64(0.1))),
        column("note", rg_type(RG_TEXT), rg_default(rg_text("ünï\ncode"))),
        column("raw", rg_type(RG_BYTES), rg_default(VALUE(BYTES, bytes, raw))),
        column("price", rg_decimal(10, 2), rg_default(VALUE(DECIMAL, decimal, rg_str("-12.50")))),
        column("day", rg_type(RG_DATE), rg_default(VALUE(DATE, date, 20000))),
        column("hour", rg_type(RG_TIME), rg_default(VALUE(TIME, time, 3600000001))),
        column("at", rg_type(RG_TIMESTAMP), rg_default(VALUE(TIMESTAMP, timestamp, 1700000000000001))),
        column("instant", rg_type(RG_TIMESTAMPTZ), rg_default(VALUE(TIMESTAMPTZ, timestamptz, 1700000000000000))),
        column("made", rg_type(RG_TIMESTAMPTZ), rg_current_timestamp()),
        column("key", rg_type(RG_UUID), rg_default(VALUE(UUID, uuid, uuid))),
        column("data", rg_type(RG_JSON), rg_default(VALUE(JSON, json, rg_str("{\"a\": [1, null]}")))),
        {.name = rg_str("order"), .data_type = rg_type(RG_TEXT)},
    };
    rg_string id[] = {rg_str("id")}, code[] = {rg_str("code"), rg_str("small")}, parent[] = {rg_str("parent")};
    rg_string key[] = {rg_str("a"), rg_str("b")}, paid[] = {rg_str("paid"), rg_str("b")};
    data_migration_list_string_t unique[] = {{code, 2}};
    rg_table_definition parents = {
        .table = rg_table("parents"), .columns = {columns, RG_COUNT(columns)}, .primary_key = {id, 1}, .unique = {unique, 1},
    };
    rg_column_definition of_children[] = {
        column("a", rg_type(RG_INT64), none), column("b", rg_type(RG_INT64), none),
        {.name = rg_str("parent"), .data_type = rg_type(RG_INT64)},
    };
    rg_foreign_key foreign[] = {
        {.columns = {parent, 1}, .references = rg_table("parents"), .referenced = {id, 1}, .on_delete = RG_SET_NULL},
    };
    rg_table_definition children = {
        .table = rg_table("child ren"), .columns = {of_children, RG_COUNT(of_children)}, .primary_key = {key, 2},
        .foreign_keys = {foreign, 1},
    };
    rg_column_definition said = {.name = rg_str("say \"hi\""), .data_type = rg_type(RG_TEXT)};
    rg_column_definition of_paid = column("paid", rg_type(RG_BOOLEAN), rg_default(rg_boolean(false)));
    rg_index_definition by_paid = {.name = rg_str("children_paid"), .table = rg_table("children"), .columns = {paid, 2}};
    rg_index_definition by_code = {.name = rg_str("parents_code"), .table = rg_table("parents"), .columns = {code, 1}, .unique = true};
    rg_error failure;
    if (!rg_create_table(&parents, error) || !rg_create_table(&children, error) ||
        !rg_rename_table(rg_table("child ren"), "children", error) || !rg_add_column(rg_table("children"), &said, error) ||
        !rg_rename_column(rg_table("children"), "say \"hi\"", "said", error) ||
        !rg_add_column(rg_table("children"), &of_paid, error) || !rg_drop_column(rg_table("children"), "said", error) ||
        !rg_create_index(&by_paid, error) || !rg_drop_index(rg_table("children"), "children_paid", error) ||
        !rg_create_index(&by_code, error))
        return false;
    if (rg_drop_table(rg_table("nothing"), &failure))
        return rg_fail(error, "a table that does not exist is dropped");
    rg_error_free(&failure);
    return rg_execute("INSERT INTO parents (id) VALUES (7)", NULL, 0, NULL, error) &&
           rg_execute("DELETE FROM parents", NULL, 0, NULL, error);
}

bool migration_downgrade(rg_error *error)
{
    return rg_drop_index(rg_table("parents"), "parents_code", error) && rg_drop_table(rg_table("children"), error) &&
           rg_drop_table(rg_table("parents"), error);
}

bool migration_transform(const char *name, rg_batch *batch, rg_error *error)
{
    (void)batch;
    return rg_fail(error, "there is no batch function `%s`", name);
}
