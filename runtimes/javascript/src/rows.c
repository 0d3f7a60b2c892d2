/* Rows of batches as objects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

typedef struct Rows {
    uint32_t count;
    Column **columns;
    JSAtom *names;
    JSValue *cells;
    /* A row object that no script has, whose form the others take. */
    JSValue form;
} Rows;

static void rows_free(Rows *rows)
{
    for (uint32_t i = 0; rows->names && i < rows->count; i++)
        JS_FreeAtom(js, rows->names[i]);
    free(rows->names);
    free(rows->columns);
    free(rows->cells);
    JS_FreeValue(js, rows->form);
}

/* The columns and names of two arrays; the caller keeps the arrays alive. */
static bool rows_start(Rows *rows, JSValueConst columns, JSValueConst names)
{
    int64_t count;
    *rows = (Rows){.form = JS_UNDEFINED};
    if (JS_GetLength(js, names, &count))
        return false;
    rows->names = calloc(count + 1, sizeof *rows->names);
    rows->columns = calloc(count + 1, sizeof *rows->columns);
    rows->cells = calloc(count + 1, sizeof *rows->cells);
    bool good = rows->names && rows->columns && rows->cells;
    if (!good)
        JS_ThrowOutOfMemory(js);
    for (; good && rows->count < count; rows->count++) {
        JSValue name = JS_GetPropertyUint32(js, names, rows->count);
        rows->names[rows->count] = JS_ValueToAtom(js, name);
        JS_FreeValue(js, name);
        good = rows->names[rows->count] != JS_ATOM_NULL;
        if (good && !JS_IsUndefined(columns)) {
            JSValue column = JS_GetPropertyUint32(js, columns, rows->count);
            good = (rows->columns[rows->count] = column_of(column));
            JS_FreeValue(js, column);
        }
    }
    if (!good)
        rows_free(rows);
    return good;
}

static JSValue object_of_cells(const Rows *rows)
{
    JSValue object = JS_NewObject(js);
    for (uint32_t i = 0; i < rows->count && !JS_IsException(object); i++) {
        if (JS_DefinePropertyValue(js, object, rows->names[i], JS_DupValue(js, rows->cells[i]), JS_PROP_C_W_E) < 0) {
            JS_FreeValue(js, object);
            object = JS_EXCEPTION;
        }
    }
    return object;
}

static JSValue row_object(Rows *rows, uint32_t row)
{
    uint32_t made = 0;
    for (bool good = true; good && made < rows->count; made += good) {
        rows->cells[made] = row < rows->columns[made]->rows ? column_cell(rows->columns[made], row)
                                                            : JS_ThrowRangeError(js, "the batch has no row %u", row);
        good = !JS_IsException(rows->cells[made]);
    }
    if (made == rows->count && JS_IsUndefined(rows->form))
        rows->form = object_of_cells(rows);
    JSValue object = JS_EXCEPTION;
    if (made == rows->count && JS_IsObject(rows->form))
        object = engine_object_like(js, rows->form, rows->cells);
    for (uint32_t i = 0; JS_IsException(object) && i < made; i++)
        JS_FreeValue(js, rows->cells[i]);
    return object;
}

/* rowAt(columns, names, row) */
static JSValue row_at(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Rows rows;
    uint32_t row;
    if (JS_ToUint32(js, &row, argv[2]) || !rows_start(&rows, argv[0], argv[1]))
        return JS_EXCEPTION;
    JSValue object = row_object(&rows, row);
    rows_free(&rows);
    return object;
}

/* rowsBetween(columns, names, start, end): an array of row objects. */
static JSValue rows_between(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Rows rows;
    uint32_t start, end;
    if (JS_ToUint32(js, &start, argv[2]) || JS_ToUint32(js, &end, argv[3]) || !rows_start(&rows, argv[0], argv[1]))
        return JS_EXCEPTION;
    JSValue array = JS_NewArray(js);
    for (uint32_t row = start; row < end && !JS_IsException(array); row++) {
        JSValue object = row_object(&rows, row);
        if (JS_IsException(object) || JS_SetPropertyUint32(js, array, row - start, object) < 0) {
            JS_FreeValue(js, array);
            array = JS_EXCEPTION;
        }
    }
    rows_free(&rows);
    return array;
}

/* The columns that rows are written to. */
typedef struct Sink {
    Rows rows;
    Builder *builders;
} Sink;

static void place(const Sink *sink, uint32_t column)
{
    const char *name = JS_AtomToCString(js, sink->rows.names[column]);
    exception_at("column `%s`", name ? name : "");
    JS_FreeCString(js, name);
}

static void throw_unknown(const Sink *sink, JSAtom property)
{
    char known[400] = "";
    size_t size = 0;
    for (uint32_t i = 0; i < sink->rows.count && size < sizeof known - 1; i++) {
        const char *name = JS_AtomToCString(js, sink->rows.names[i]);
        size += snprintf(known + size, sizeof known - size, "%s`%.80s`", i ? ", " : "", name ? name : "");
        JS_FreeCString(js, name);
    }
    const char *name = JS_AtomToCString(js, property);
    JS_ThrowTypeError(js,
                      "the row has a property `%.80s`, which is no column of the result; its columns are %s%s. For a further one, name "
                      "its type: mapRows(f, { ...batch.types, %.80s: \"text\" })",
                      name ? name : "", known, size < sizeof known ? "" : "…", name ? name : "name");
    JS_FreeCString(js, name);
}

/* A property that no column takes is a mistake in the script: it would be lost. */
static bool all_are_known(const Sink *sink, JSValueConst object)
{
    JSPropertyEnum *properties;
    uint32_t count;
    bool known = true;
    if (JS_GetOwnPropertyNames(js, &properties, &count, object, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY))
        return false;
    for (uint32_t i = 0; i < count && known; i++) {
        known = false;
        for (uint32_t j = 0; j < sink->rows.count && !known; j++)
            known = properties[i].atom == sink->rows.names[j];
        if (!known)
            throw_unknown(sink, properties[i].atom);
    }
    JS_FreePropertyEnum(js, properties, count);
    return known;
}

static bool sink_row(Sink *sink, JSValueConst object)
{
    if (!JS_IsObject(object)) {
        JS_ThrowTypeError(js, "the function returned no row: a row is an object, null, undefined or an array of objects");
        return false;
    }
    if (engine_may_have_others(object, sink->rows.names, sink->rows.count) && (JS_IsPromise(object) || !all_are_known(sink, object))) {
        refuse_promise(object);
        return false;
    }
    for (uint32_t i = 0; i < sink->rows.count; i++) {
        JSValue value = JS_GetProperty(js, object, sink->rows.names[i]);
        bool good = !JS_IsException(value);
        if (good && !(good = builder_value(sink->builders + i, value)))
            place(sink, i);
        JS_FreeValue(js, value);
        if (!good)
            return false;
    }
    return true;
}

static bool sink_rows(Sink *sink, JSValueConst rows)
{
    int64_t count;
    if (!JS_IsArray(rows))
        return sink_row(sink, rows);
    bool good = JS_GetLength(js, rows, &count) == 0;
    for (int64_t i = 0; good && i < count; i++) {
        JSValue object = JS_GetPropertyInt64(js, rows, i);
        good = !JS_IsException(object) && sink_row(sink, object);
        JS_FreeValue(js, object);
    }
    return good;
}

static void sink_free(Sink *sink)
{
    for (uint32_t i = 0; sink->builders && i < sink->rows.count; i++)
        builder_free(sink->builders + i);
    free(sink->builders);
    rows_free(&sink->rows);
}

static bool sink_start(Sink *sink, JSValueConst names, JSValueConst types, uint32_t rows)
{
    *sink = (Sink){0};
    if (!rows_start(&sink->rows, JS_UNDEFINED, names))
        return false;
    sink->builders = calloc(sink->rows.count + 1, sizeof *sink->builders);
    bool good = sink->builders;
    if (!good)
        JS_ThrowOutOfMemory(js);
    for (uint32_t i = 0; good && i < sink->rows.count; i++) {
        JSValue name = JS_GetPropertyUint32(js, types, i);
        char *type_name = NULL;
        int type = type_of_value(name, &type_name);
        JS_FreeValue(js, name);
        good = type >= 0 && builder_start(sink->builders + i, type, type_name, rows);
        free(type_name);
        if (!good)
            place(sink, i);
    }
    if (!good)
        sink_free(sink);
    return good;
}

/* Types that are given are often those of the batch with some more: what takes the place of an untyped column may be of any. */
static void sink_open(Sink *sink, const Rows *given)
{
    for (uint32_t i = 0; i < sink->rows.count; i++)
        for (uint32_t j = 0; j < given->count && sink->builders[i].type == TYPE_TEXT; j++)
            if (sink->rows.names[i] == given->names[j] && column_is_untyped(given->columns[j]))
                sink->builders[i].open = OPEN_NULLS;
}

/* The finished columns as an array; frees the sink. */
static JSValue sink_finish(Sink *sink)
{
    JSValue array = JS_NewArray(js);
    for (uint32_t i = 0; i < sink->rows.count && !JS_IsException(array); i++) {
        JSValue column = builder_finish(sink->builders + i);
        if (JS_IsException(column) || JS_SetPropertyUint32(js, array, i, column) < 0) {
            JS_FreeValue(js, array);
            array = JS_EXCEPTION;
        }
    }
    sink_free(sink);
    return array;
}

/* The function may have changed its row: this is what it was given. */
static void row_failed(Rows *rows, uint32_t row)
{
    bool of_chunk = false;
    for (uint32_t i = 0; i < rows->count; i++)
        of_chunk = of_chunk || rows->columns[i]->of_chunk;
    JSValue exception = JS_GetException(js);
    JSValue holds = of_chunk ? JS_UNDEFINED : row_object(rows, row);
    JS_Throw(js, exception);
    exception_in_row(of_chunk, row, holds);
}

/* mapRows(columns, names, row count, f, names of the result, types of the result) */
static JSValue map_rows(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Rows rows;
    Sink sink;
    uint32_t count;
    if (JS_ToUint32(js, &count, argv[2]) || !rows_start(&rows, argv[0], argv[1]))
        return JS_EXCEPTION;
    if (!sink_start(&sink, argv[4], argv[5], count)) {
        rows_free(&rows);
        return JS_EXCEPTION;
    }
    sink_open(&sink, &rows);
    bool good = true;
    for (uint32_t row = 0; good && row < count; row++) {
        JSValue arguments[2] = {row_object(&rows, row), JS_NewUint32(js, row)};
        JSValue result = JS_IsException(arguments[0]) ? JS_EXCEPTION : JS_Call(js, argv[3], JS_UNDEFINED, 2, arguments);
        good = !JS_IsException(result);
        if (good && !JS_IsNull(result))
            good = sink_rows(&sink, JS_IsUndefined(result) ? arguments[0] : result);
        if (!good)
            row_failed(&rows, row);
        JS_FreeValue(js, result);
        JS_FreeValue(js, arguments[0]);
    }
    rows_free(&rows);
    return good ? sink_finish(&sink) : (sink_free(&sink), JS_EXCEPTION);
}

/* columnsFromRows(array of row objects, names, types) */
static JSValue columns_from_rows(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Sink sink;
    int64_t count;
    if (JS_GetLength(js, argv[0], &count) || !sink_start(&sink, argv[1], argv[2], (uint32_t)count))
        return JS_EXCEPTION;
    bool good = true;
    for (uint32_t row = 0; good && row < count; row++) {
        JSValue object = JS_GetPropertyUint32(js, argv[0], row);
        if (!(good = !JS_IsException(object) && sink_row(&sink, object)))
            exception_in_row(false, row, JS_DupValue(js, object));
        JS_FreeValue(js, object);
    }
    return good ? sink_finish(&sink) : (sink_free(&sink), JS_EXCEPTION);
}

void row_functions(JSValue native)
{
    define(native, "rowAt", row_at, 3);
    define(native, "rowsBetween", rows_between, 4);
    define(native, "mapRows", map_rows, 6);
    define(native, "columnsFromRows", columns_from_rows, 3);
}
