/* The interface `schema`. prelude.js checks and completes the arguments. */
#include <stdlib.h>

#include "runtime.h"

typedef runner_migration_schema_table_name_t TableName;
typedef runner_migration_schema_column_definition_t Definition;
typedef runner_migration_schema_foreign_key_t ForeignKey;

static bool flag(JSValueConst object, const char *name, bool *into)
{
    JSValue value = JS_GetPropertyStr(js, object, name);
    *into = JS_ToBool(js, value);
    JS_FreeValue(js, value);
    return !JS_IsException(value);
}

static bool number(JSValueConst object, const char *name, int32_t *into)
{
    JSValue value = JS_GetPropertyStr(js, object, name);
    bool good = !JS_IsException(value) && JS_ToInt32(js, into, value) == 0;
    JS_FreeValue(js, value);
    return good;
}

static bool table_lower(JSValueConst object, TableName *into)
{
    *into = (TableName){0};
    if (string_property(object, "table", &into->name) && optional_string_property(object, "schema", &into->schema))
        return true;
    runner_migration_schema_table_name_free(into);
    return false;
}

static bool table_property(JSValueConst object, const char *name, TableName *into)
{
    JSValue value = JS_GetPropertyStr(js, object, name);
    bool good = !JS_IsException(value) && table_lower(value, into);
    JS_FreeValue(js, value);
    return good;
}

/* `type` is the number of the case, and `sizes` has what it carries. */
static bool data_type(JSValueConst object, runner_migration_schema_data_type_t *into)
{
    JSValue sizes = JS_GetPropertyStr(js, object, "sizes");
    int32_t tag = 0, first = 0, second = 0;
    bool good = !JS_IsException(sizes) && number(object, "type", &tag);
    into->tag = tag;
    if (good && tag == RUNNER_MIGRATION_SCHEMA_DATA_TYPE_VARCHAR) {
        good = number(sizes, "0", &first);
        into->val.varchar = first;
    } else if (good && tag == RUNNER_MIGRATION_SCHEMA_DATA_TYPE_DECIMAL) {
        good = number(sizes, "0", &first) && number(sizes, "1", &second);
        into->val.decimal.precision = first;
        into->val.decimal.scale = second;
    }
    JS_FreeValue(js, sizes);
    return good;
}

/* `default` is null, { now: true } or { value }. */
static bool default_value(JSValueConst object, runner_migration_schema_option_default_value_t *into)
{
    JSValue given = JS_GetPropertyStr(js, object, "default"), value = JS_UNDEFINED;
    bool good = !JS_IsException(given), now = false;
    if (good && !JS_IsNull(given)) {
        good = flag(given, "now", &now);
        if (good && !now) {
            value = JS_GetPropertyStr(js, given, "value");
            good = !JS_IsException(value) && value_lower(value, &into->val.val.literal);
        }
        into->val.tag = now ? RUNNER_MIGRATION_SCHEMA_DEFAULT_VALUE_CURRENT_TIMESTAMP
                            : RUNNER_MIGRATION_SCHEMA_DEFAULT_VALUE_LITERAL;
        into->is_some = good;
    }
    JS_FreeValue(js, value);
    JS_FreeValue(js, given);
    return good;
}

static bool definition_lower(JSValueConst object, Definition *into)
{
    *into = (Definition){0};
    if (string_property(object, "name", &into->name) && data_type(object, &into->data_type) &&
        flag(object, "notNull", &into->not_null) && flag(object, "identity", &into->identity) &&
        default_value(object, &into->default_))
        return true;
    runner_migration_schema_column_definition_free(into);
    return false;
}

static bool foreign_key_lower(JSValueConst object, ForeignKey *into)
{
    int32_t action = 0;
    *into = (ForeignKey){0};
    bool good = strings_property(object, "columns", &into->columns) &&
                table_property(object, "references", &into->references) &&
                strings_property(object, "referenced", &into->referenced) && number(object, "onDelete", &action);
    into->on_delete = action;
    if (!good)
        runner_migration_schema_foreign_key_free(into);
    return good;
}

/* Lowers each element of an array. What was lowered before a failure is counted, and freed with the list. */
static bool list_property(JSValueConst object, const char *name, bool (*lower)(JSValueConst, void *), size_t size, void **list,
                          size_t *count)
{
    JSValue array = JS_GetPropertyStr(js, object, name);
    int64_t length = 0;
    bool good = !JS_IsException(array) && JS_GetLength(js, array, &length) == 0;
    if (good && length && !(*list = calloc(length, size))) {
        JS_ThrowOutOfMemory(js);
        good = false;
    }
    for (; good && (int64_t)*count < length; *count += good) {
        JSValue element = JS_GetPropertyUint32(js, array, *count);
        good = !JS_IsException(element) && lower(element, (char *)*list + *count * size);
        JS_FreeValue(js, element);
    }
    /* The bindings free a list only if something is in it. */
    if (!*count) {
        free(*list);
        *list = NULL;
    }
    JS_FreeValue(js, array);
    return good;
}

static bool definition_element(JSValueConst object, void *into)
{
    return definition_lower(object, into);
}

static bool foreign_key_element(JSValueConst object, void *into)
{
    return foreign_key_lower(object, into);
}

static bool strings_element(JSValueConst array, void *into)
{
    data_migration_list_string_t *names = into;
    if (strings_lower(array, names))
        return true;
    data_migration_list_string_free(names);
    return false;
}

#define LIST(object, name, lower, list)                                                                                       \
    list_property(object, name, lower, sizeof *(list).ptr, (void **)&(list).ptr, &(list).len)

static JSValue answer(bool good, Error *error)
{
    return good ? JS_UNDEFINED : throw_error(error);
}

/* createTable(definition) */
static JSValue create_table(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    runner_migration_schema_table_definition_t new = {0};
    Error error;
    JSValue result = JS_EXCEPTION;
    if (table_property(argv[0], "table", &new.table) && LIST(argv[0], "columns", definition_element, new.columns) &&
        strings_property(argv[0], "primaryKey", &new.primary_key) && LIST(argv[0], "unique", strings_element, new.unique) &&
        LIST(argv[0], "foreignKeys", foreign_key_element, new.foreign_keys))
        result = answer(runner_migration_schema_create_table(&new, &error), &error);
    runner_migration_schema_table_definition_free(&new);
    return result;
}

/* createIndex(definition) */
static JSValue create_index(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    runner_migration_schema_index_definition_t new = {0};
    Error error;
    JSValue result = JS_EXCEPTION;
    if (string_property(argv[0], "name", &new.name) && table_property(argv[0], "table", &new.table) &&
        strings_property(argv[0], "columns", &new.columns) && flag(argv[0], "unique", &new.unique))
        result = answer(runner_migration_schema_create_index(&new, &error), &error);
    runner_migration_schema_index_definition_free(&new);
    return result;
}

/* addColumn(table, column) */
static JSValue add_column(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    TableName table = {0};
    Definition column = {0};
    Error error;
    JSValue result = JS_EXCEPTION;
    if (table_lower(argv[0], &table) && definition_lower(argv[1], &column))
        result = answer(runner_migration_schema_add_column(&table, &column, &error), &error);
    runner_migration_schema_table_name_free(&table);
    runner_migration_schema_column_definition_free(&column);
    return result;
}

/* dropTable(table) */
static JSValue drop_table(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    TableName table;
    Error error;
    if (!table_lower(argv[0], &table))
        return JS_EXCEPTION;
    bool good = runner_migration_schema_drop_table(&table, &error);
    runner_migration_schema_table_name_free(&table);
    return answer(good, &error);
}

/* A call with a table and a name. */
static JSValue with_name(JSValueConst *argv, bool (*call)(TableName *, String *, Error *))
{
    TableName table = {0};
    String name = {0};
    Error error;
    JSValue result = JS_EXCEPTION;
    if (table_lower(argv[0], &table) && string_lower(argv[1], &name))
        result = answer(call(&table, &name, &error), &error);
    runner_migration_schema_table_name_free(&table);
    data_migration_string_free(&name);
    return result;
}

/* renameTable(table, to) */
static JSValue rename_table(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    return with_name(argv, runner_migration_schema_rename_table);
}

/* dropColumn(table, column) */
static JSValue drop_column(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    return with_name(argv, runner_migration_schema_drop_column);
}

/* dropIndex(table, index) */
static JSValue drop_index(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    return with_name(argv, runner_migration_schema_drop_index);
}

/* renameColumn(table, column, to) */
static JSValue rename_column(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    TableName table = {0};
    String column = {0}, to = {0};
    Error error;
    JSValue result = JS_EXCEPTION;
    if (table_lower(argv[0], &table) && string_lower(argv[1], &column) && string_lower(argv[2], &to))
        result = answer(runner_migration_schema_rename_column(&table, &column, &to, &error), &error);
    runner_migration_schema_table_name_free(&table);
    data_migration_string_free(&column);
    data_migration_string_free(&to);
    return result;
}

void schema_functions(JSValue native)
{
    define(native, "createTable", create_table, 1);
    define(native, "dropTable", drop_table, 1);
    define(native, "renameTable", rename_table, 2);
    define(native, "addColumn", add_column, 2);
    define(native, "dropColumn", drop_column, 2);
    define(native, "renameColumn", rename_column, 3);
    define(native, "createIndex", create_index, 1);
    define(native, "dropIndex", drop_index, 2);
}
