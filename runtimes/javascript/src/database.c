/* The interfaces `sql` and `batches`. prelude.js checks and completes the arguments. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

/* An open reader or writer. */
typedef struct Handle {
    enum Kind { READER, WRITER } kind;
    bool open;
    union {
        runner_migration_batches_own_reader_t reader;
        runner_migration_batches_own_writer_t writer;
    };
} Handle;

static JSClassID handle_class;

static void handle_close(Handle *handle)
{
    if (!handle->open)
        return;
    handle->open = false;
    if (handle->kind == READER)
        runner_migration_batches_reader_drop_own(handle->reader);
    else
        runner_migration_batches_writer_drop_own(handle->writer);
}

static void handle_finalizer(JSRuntime *runtime, JSValueConst object)
{
    Handle *handle = JS_GetOpaque(object, handle_class);
    if (handle)
        handle_close(handle);
    free(handle);
}

static const JSClassDef handle_definition = {"Handle", .finalizer = handle_finalizer};

static JSValue handle_object(Handle opened)
{
    Handle *handle = malloc(sizeof *handle);
    JSValue object = handle ? JS_NewObjectClass(js, handle_class) : JS_ThrowOutOfMemory(js);
    if (JS_IsException(object)) {
        free(handle);
        handle_close(&opened);
        return object;
    }
    *handle = opened;
    JS_SetOpaque(object, handle);
    return object;
}

static Handle *open_handle(JSValueConst object, enum Kind kind)
{
    Handle *handle = JS_GetOpaque2(js, object, handle_class);
    if (handle && (!handle->open || handle->kind != kind)) {
        JS_ThrowTypeError(js, kind == READER ? "the reader is closed" : "the writer is finished");
        return NULL;
    }
    return handle;
}

bool string_property(JSValueConst object, const char *name, String *into)
{
    JSValue value = JS_GetPropertyStr(js, object, name);
    bool good = !JS_IsException(value) && string_lower(value, into);
    JS_FreeValue(js, value);
    return good;
}

bool optional_string_property(JSValueConst object, const char *name, data_migration_option_string_t *into)
{
    JSValue value = JS_GetPropertyStr(js, object, name);
    bool good = !JS_IsException(value);
    if (good && !JS_IsNull(value) && !JS_IsUndefined(value))
        good = into->is_some = string_lower(value, &into->val);
    JS_FreeValue(js, value);
    return good;
}

bool strings_lower(JSValueConst array, data_migration_list_string_t *into)
{
    int64_t count = 0;
    bool good = JS_GetLength(js, array, &count) == 0;
    if (good && count && !(into->ptr = calloc(count, sizeof *into->ptr))) {
        JS_ThrowOutOfMemory(js);
        good = false;
    }
    for (; good && into->len < count; into->len += good) {
        JSValue value = JS_GetPropertyUint32(js, array, into->len);
        good = !JS_IsException(value) && string_lower(value, into->ptr + into->len);
        JS_FreeValue(js, value);
    }
    if (!into->len) {
        free(into->ptr);
        into->ptr = NULL;
    }
    return good;
}

bool strings_property(JSValueConst object, const char *name, data_migration_list_string_t *into)
{
    JSValue array = JS_GetPropertyStr(js, object, name);
    bool good = !JS_IsException(array) && strings_lower(array, into);
    JS_FreeValue(js, array);
    return good;
}

typedef runner_migration_batches_table_source_t Source;
typedef runner_migration_batches_table_target_t Target;

static bool requests(JSValueConst object, Source *into)
{
    data_migration_list_string_t names = {0};
    JSValue types = JS_GetPropertyStr(js, object, "types");
    bool good = !JS_IsException(types) && strings_property(object, "columns", &names);
    if (good && names.len && !(into->columns.ptr = calloc(names.len, sizeof *into->columns.ptr))) {
        JS_ThrowOutOfMemory(js);
        good = false;
    }
    for (size_t i = 0; good && i < names.len; i++) {
        runner_migration_batches_column_request_t *request = into->columns.ptr + into->columns.len++;
        JSValue value = JS_GetPropertyUint32(js, types, i);
        int32_t type;
        request->name = names.ptr[i];
        names.ptr[i] = (String){0};
        good = JS_ToInt32(js, &type, value) == 0;
        request->read_as.is_some = type >= 0;
        request->read_as.val = type;
        JS_FreeValue(js, value);
    }
    data_migration_list_string_free(&names);
    JS_FreeValue(js, types);
    return good;
}

static bool source_lower(JSValueConst object, Source *into)
{
    *into = (Source){0};
    JSValue parameters = JS_GetPropertyStr(js, object, "parameters");
    JSValue descending = JS_GetPropertyStr(js, object, "descending");
    bool good = string_property(object, "table", &into->table.name) &&
                optional_string_property(object, "schema", &into->table.schema) && requests(object, into) &&
                strings_property(object, "key", &into->key) && optional_string_property(object, "filter", &into->filter) &&
                values_lower(parameters, (runner_migration_sql_list_value_t *)&into->parameters);
    into->descending = JS_ToBool(js, descending);
    JS_FreeValue(js, parameters);
    JS_FreeValue(js, descending);
    if (!good)
        runner_migration_batches_table_source_free(into);
    return good;
}

static bool target_lower(JSValueConst object, Target *into)
{
    *into = (Target){0};
    JSValue mode = JS_GetPropertyStr(js, object, "mode");
    int32_t number = 0;
    bool good = string_property(object, "table", &into->table.name) &&
                optional_string_property(object, "schema", &into->table.schema) && strings_property(object, "key", &into->key) &&
                JS_ToInt32(js, &number, mode) == 0;
    into->mode = number;
    JS_FreeValue(js, mode);
    if (!good)
        runner_migration_batches_table_target_free(into);
    return good;
}

/* Statement and parameters, freed by the caller. */
static bool statement_lower(JSValueConst *argv, String *statement, runner_migration_sql_list_value_t *parameters)
{
    if (!JS_IsString(argv[0])) {
        JS_ThrowTypeError(js, "a statement is a string");
        return false;
    }
    if (!string_lower(argv[0], statement))
        return false;
    if (values_lower(argv[1], parameters))
        return true;
    data_migration_string_free(statement);
    return false;
}

/* execute(statement, parameters) */
static JSValue sql_execute(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    String statement;
    runner_migration_sql_list_value_t parameters;
    uint64_t rows;
    Error error;
    if (!statement_lower(argv, &statement, &parameters))
        return JS_EXCEPTION;
    bool good = runner_migration_sql_execute(&statement, &parameters, &rows, &error);
    data_migration_string_free(&statement);
    runner_migration_sql_list_value_free(&parameters);
    return good ? new_int64(rows) : throw_error(&error);
}

static JSValue row_lift(const JSAtom *names, size_t columns, const Value *values)
{
    JSValue row = names ? JS_NewObject(js) : JS_NewArray(js);
    for (size_t i = 0; i < columns && !JS_IsException(row); i++) {
        JSValue value = value_lift(values + i);
        int set = JS_IsException(value) ? -1
                  : names               ? JS_DefinePropertyValue(js, row, names[i], value, JS_PROP_C_W_E)
                                        : JS_SetPropertyUint32(js, row, i, value);
        if (set < 0) {
            JS_FreeValue(js, row);
            row = JS_EXCEPTION;
        }
    }
    return row;
}

static JSValue columns_lift(const data_migration_list_string_t *columns)
{
    JSValue array = JS_NewArray(js);
    for (size_t i = 0; i < columns->len && !JS_IsException(array); i++)
        if (JS_SetPropertyUint32(js, array, i, string_lift(columns->ptr + i)) < 0) {
            JS_FreeValue(js, array);
            array = JS_EXCEPTION;
        }
    return array;
}

/* The names of the columns as properties; NULL and an exception if one is there twice. */
static JSAtom *names_of(const data_migration_list_string_t *columns)
{
    JSAtom *names = calloc(columns->len + 1, sizeof *names);
    if (!names)
        JS_ThrowOutOfMemory(js);
    for (size_t i = 0; names && i < columns->len; i++) {
        names[i] = JS_NewAtomLen(js, (const char *)columns->ptr[i].ptr, columns->ptr[i].len);
        for (size_t j = 0; j < i; j++)
            if (names[j] == names[i]) {
                for (size_t k = 0; k <= i; k++)
                    JS_FreeAtom(js, names[k]);
                free(names);
                JS_ThrowTypeError(js, "two columns of the result are called `%.*s`; name one with AS, or use queryArrays",
                                  (int)columns->ptr[i].len, (const char *)columns->ptr[i].ptr);
                return NULL;
            }
    }
    return names;
}

/* query(statement, parameters, as arrays) */
static JSValue sql_query(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    String statement;
    runner_migration_sql_list_value_t parameters;
    runner_migration_sql_row_set_t set;
    Error error;
    bool arrays = JS_ToBool(js, argv[2]);
    if (!statement_lower(argv, &statement, &parameters))
        return JS_EXCEPTION;
    bool good = runner_migration_sql_query(&statement, &parameters, &set, &error);
    data_migration_string_free(&statement);
    runner_migration_sql_list_value_free(&parameters);
    if (!good)
        return throw_error(&error);
    JSAtom *names = arrays ? NULL : names_of(&set.columns);
    JSValue rows = arrays || names ? JS_NewArray(js) : JS_EXCEPTION;
    for (size_t i = 0; i < set.rows.len && !JS_IsException(rows); i++) {
        JSValue row = row_lift(names, set.columns.len, set.rows.ptr[i].ptr);
        if (JS_IsException(row) || JS_SetPropertyUint32(js, rows, i, row) < 0) {
            JS_FreeValue(js, rows);
            rows = JS_EXCEPTION;
        }
    }
    if (!JS_IsException(rows) && JS_DefinePropertyValueStr(js, rows, "columns", columns_lift(&set.columns), 0) < 0) {
        JS_FreeValue(js, rows);
        rows = JS_EXCEPTION;
    }
    for (size_t i = 0; names && i < set.columns.len; i++)
        JS_FreeAtom(js, names[i]);
    free(names);
    runner_migration_sql_row_set_free(&set);
    return rows;
}

/* read(statement, parameters) */
static JSValue batches_read(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    String statement;
    runner_migration_sql_list_value_t parameters;
    Handle handle = {.kind = READER, .open = true};
    Error error;
    if (!statement_lower(argv, &statement, &parameters))
        return JS_EXCEPTION;
    bool good = runner_migration_batches_read(&statement, (void *)&parameters, &handle.reader, &error);
    data_migration_string_free(&statement);
    runner_migration_sql_list_value_free(&parameters);
    return good ? handle_object(handle) : throw_error(&error);
}

static JSValue batches_read_table(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Source source;
    Handle handle = {.kind = READER, .open = true};
    Error error;
    if (!source_lower(argv[0], &source))
        return JS_EXCEPTION;
    bool good = runner_migration_batches_read_table(&source, &handle.reader, &error);
    runner_migration_batches_table_source_free(&source);
    return good ? handle_object(handle) : throw_error(&error);
}

/* next(reader): a batch, or null after the last, which closes the reader. */
static JSValue batches_next(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Handle *handle = open_handle(argv[0], READER);
    runner_migration_batches_option_batch_t batch;
    Error error;
    if (!handle)
        return JS_EXCEPTION;
    if (!runner_migration_batches_method_reader_next(runner_migration_batches_borrow_reader(handle->reader), &batch,
                                                     &error))
        return throw_error(&error);
    if (batch.is_some)
        return batch_lift((Batch *)&batch.val);
    handle_close(handle);
    return JS_NULL;
}

static JSValue batches_write(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Target target;
    Handle handle = {.kind = WRITER, .open = true};
    Error error;
    if (!target_lower(argv[0], &target))
        return JS_EXCEPTION;
    bool good = runner_migration_batches_write(&target, &handle.writer, &error);
    runner_migration_batches_table_target_free(&target);
    return good ? handle_object(handle) : throw_error(&error);
}

/* writeBatch(writer, batch) */
static JSValue batches_write_batch(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Handle *handle = open_handle(argv[0], WRITER);
    Batch batch;
    uint64_t rows;
    Error error;
    if (!handle || !batch_lower(argv[1], &batch, false))
        return JS_EXCEPTION;
    bool good = runner_migration_batches_method_writer_write(runner_migration_batches_borrow_writer(handle->writer),
                                                             (void *)&batch, &rows, &error);
    batch_release(&batch);
    return good ? new_int64(rows) : throw_error(&error);
}

static JSValue batches_finish(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Handle *handle = open_handle(argv[0], WRITER);
    uint64_t rows;
    Error error;
    if (!handle)
        return JS_EXCEPTION;
    bool good = runner_migration_batches_method_writer_finish(runner_migration_batches_borrow_writer(handle->writer),
                                                              &rows, &error);
    handle_close(handle);
    return good ? new_int64(rows) : throw_error(&error);
}

static JSValue batches_close(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Handle *handle = JS_GetOpaque2(js, argv[0], handle_class);
    if (!handle)
        return JS_EXCEPTION;
    handle_close(handle);
    return JS_UNDEFINED;
}

/* transform(name, source, target) */
static JSValue batches_transform(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    String name;
    Source source;
    Target target;
    runner_migration_batches_transform_report_t report;
    Error error;
    if (!source_lower(argv[1], &source))
        return JS_EXCEPTION;
    bool good = target_lower(argv[2], &target);
    if (good && !(good = string_lower(argv[0], &name)))
        runner_migration_batches_table_target_free(&target);
    if (!good) {
        runner_migration_batches_table_source_free(&source);
        return JS_EXCEPTION;
    }
    good = runner_migration_batches_transform(&name, &source, &target, &report, &error);
    data_migration_string_free(&name);
    runner_migration_batches_table_source_free(&source);
    runner_migration_batches_table_target_free(&target);
    if (!good)
        return throw_error(&error);
    JSValue object = JS_NewObject(js);
    JS_SetPropertyStr(js, object, "rowsRead", new_int64(report.rows_read));
    JS_SetPropertyStr(js, object, "rowsWritten", new_int64(report.rows_written));
    JS_SetPropertyStr(js, object, "chunks", new_int64(report.chunks));
    return object;
}

void database_functions(JSValue native)
{
    JS_NewClassID(JS_GetRuntime(js), &handle_class);
    JS_NewClass(JS_GetRuntime(js), handle_class, &handle_definition);
    define(native, "execute", sql_execute, 2);
    define(native, "query", sql_query, 3);
    define(native, "read", batches_read, 2);
    define(native, "readTable", batches_read_table, 1);
    define(native, "next", batches_next, 1);
    define(native, "write", batches_write, 1);
    define(native, "writeBatch", batches_write_batch, 2);
    define(native, "finish", batches_finish, 1);
    define(native, "close", batches_close, 1);
    define(native, "transform", batches_transform, 3);
}
