/* Columns: the contract's lists, owned by JavaScript objects and seen through typed arrays without a copy. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

const uint8_t type_width[TYPE_COUNT] = {1, 8, 8, 0, 0, 0, 4, 8, 8, 8, 16, 0, 0};
const char *const type_names[TYPE_COUNT] = {
    "boolean", "int64", "float64", "text", "bytes", "decimal", "date",
    "time", "timestamp", "timestamptz", "uuid", "json", "native",
};

static JSClassID column_class;

Block *block_new(void *bytes, size_t size)
{
    Block *block = malloc(sizeof *block);
    if (!block) {
        if (size)
            free(bytes);
        return NULL;
    }
    /* A list without entries has an address that nobody may free. */
    *block = (Block){1, size, size ? bytes : NULL};
    return block;
}

static void block_release(Block *block)
{
    if (block && --block->references == 0) {
        free(block->bytes);
        free(block);
    }
}

static Block *block_share(Block *block)
{
    if (block)
        block->references++;
    return block;
}

static Block *block_copy(const Block *block)
{
    uint8_t *bytes = malloc(block->size ? block->size : 1);
    if (!bytes)
        return NULL;
    if (block->size)
        memcpy(bytes, block->bytes, block->size);
    else {
        free(bytes);
        bytes = NULL;
    }
    return block_new(bytes, block->size);
}

/* An ArrayBuffer gives its block back, or asks for another size, which it cannot have: the columns share the block. */
static void *block_resize(JSRuntime *runtime, void *block, void *bytes, size_t size)
{
    if (!size)
        block_release(block);
    return NULL;
}

static void column_free(JSRuntime *runtime, Column *column)
{
    if (!column)
        return;
    block_release(column->nulls);
    block_release(column->data);
    block_release(column->offsets);
    JS_FreeValueRT(runtime, column->data_view);
    JS_FreeValueRT(runtime, column->offsets_view);
    free(column->type_name);
    free(column);
}

static void column_finalizer(JSRuntime *runtime, JSValueConst object)
{
    column_free(runtime, JS_GetOpaque(object, column_class));
}

static void column_mark(JSRuntime *runtime, JSValueConst object, JS_MarkFunc *mark)
{
    Column *column = JS_GetOpaque(object, column_class);
    if (column) {
        JS_MarkValue(runtime, column->data_view, mark);
        JS_MarkValue(runtime, column->offsets_view, mark);
    }
}

static const JSClassDef column_definition = {"Column", .finalizer = column_finalizer, .gc_mark = column_mark};

/* Takes the column, also when it fails. */
JSValue column_object(Column *column)
{
    if (!column || !column->data || (!type_width[column->type] && !column->offsets)) {
        column_free(JS_GetRuntime(js), column);
        return JS_ThrowOutOfMemory(js);
    }
    JSValue object = JS_NewObjectClass(js, column_class);
    if (JS_IsException(object)) {
        column_free(JS_GetRuntime(js), column);
        return object;
    }
    JS_SetOpaque(object, column);
    return object;
}

Column *column_of(JSValueConst object)
{
    return JS_GetOpaque2(js, object, column_class);
}

/* A column of the same type and rows that shares the NULLs; its entries are missing. */
Column *column_like(const Column *column)
{
    Column *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = (Column){column->type, column->of_chunk, column->rows, .data_view = JS_UNDEFINED, .offsets_view = JS_UNDEFINED};
    copy->nulls = column->nulls ? block_copy(column->nulls) : NULL;
    copy->type_name = column->type_name ? strdup(column->type_name) : NULL;
    return copy;
}

bool column_is_null(const Column *column, uint32_t row)
{
    return column->nulls && column->nulls->bytes[row];
}

/* Whether there is nothing but NULLs, which have any type: a database may not know theirs. */
bool column_all_null(const Column *column)
{
    for (uint32_t row = 0; row < column->rows; row++)
        if (!column_is_null(column, row))
            return false;
    return true;
}

bool column_is_untyped(const Column *column)
{
    return column->type == TYPE_TEXT && column_all_null(column);
}

/* The bytes of an entry. The script may have changed the offsets, so they are checked. */
bool column_entry(const Column *column, uint32_t row, const uint8_t **bytes, size_t *size)
{
    const uint32_t *offsets = (const uint32_t *)column->offsets->bytes;
    uint32_t start = offsets[row], end = offsets[row + 1];
    if (start > end || end > column->data->size) {
        JS_ThrowRangeError(js, "the offsets of row %u are out of range", row);
        return false;
    }
    *bytes = column->data->bytes ? column->data->bytes + start : (const uint8_t *)"";
    *size = end - start;
    return true;
}

JSValue column_cell(const Column *column, uint32_t row)
{
    if (column_is_null(column, row))
        return JS_NULL;
    const void *data = column->data->bytes;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    if (!type_width[column->type] && !column_entry(column, row, &bytes, &size))
        return JS_EXCEPTION;
    switch (column->type) {
    case TYPE_BOOLEAN:
        return JS_NewBool(js, ((const uint8_t *)data)[row]);
    case TYPE_INT64:
        return new_int64(((const int64_t *)data)[row]);
    case TYPE_FLOAT64:
        return JS_NewFloat64(js, ((const double *)data)[row]);
    case TYPE_TEXT:
        return JS_NewStringLen(js, (const char *)bytes, size);
    case TYPE_BYTES:
        return JS_NewUint8ArrayCopy(js, bytes, size);
    case TYPE_DATE:
        return new_typed(TYPE_DATE, JS_NewInt32(js, ((const int32_t *)data)[row]), NULL, 0);
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return new_typed(column->type, JS_NewBigInt64(js, ((const int64_t *)data)[row]), NULL, 0);
    case TYPE_UUID:
        return new_uuid(((const uint64_t *)data)[2 * row], ((const uint64_t *)data)[2 * row + 1]);
    default:
        return new_typed(column->type, JS_NewStringLen(js, (const char *)bytes, size), column->type_name,
                         column->type_name ? strlen(column->type_name) : 0);
    }
}

static JSValue view_of(Block *block, int kind)
{
    JSValue buffer;
    if (block->size) {
        buffer = JS_NewArrayBuffer(js, block->bytes, block->size, 0, block_resize, block, false);
        if (!JS_IsException(buffer))
            block_share(block);
    } else {
        buffer = JS_NewArrayBufferCopy(js, NULL, 0);
    }
    if (JS_IsException(buffer))
        return buffer;
    JSValue view = JS_NewTypedArray(js, 1, &buffer, kind);
    JS_FreeValue(js, buffer);
    return view;
}

JSValue column_view(Column *column, bool offsets)
{
    static const int8_t kinds[TYPE_COUNT] = {
        JS_TYPED_ARRAY_UINT8, JS_TYPED_ARRAY_BIG_INT64, JS_TYPED_ARRAY_FLOAT64, JS_TYPED_ARRAY_UINT8,
        JS_TYPED_ARRAY_UINT8, JS_TYPED_ARRAY_UINT8, JS_TYPED_ARRAY_INT32, JS_TYPED_ARRAY_BIG_INT64,
        JS_TYPED_ARRAY_BIG_INT64, JS_TYPED_ARRAY_BIG_INT64, JS_TYPED_ARRAY_BIG_UINT64, JS_TYPED_ARRAY_UINT8,
        JS_TYPED_ARRAY_UINT8,
    };
    if (offsets && !column->offsets)
        return JS_UNDEFINED;
    JSValue *view = offsets ? &column->offsets_view : &column->data_view;
    if (JS_IsUndefined(*view)) {
        JSValue made = view_of(offsets ? column->offsets : column->data,
                               offsets ? JS_TYPED_ARRAY_UINT32 : kinds[column->type]);
        if (JS_IsException(made))
            return made;
        *view = made;
    }
    return JS_DupValue(js, *view);
}

/* The type of a name such as `text` or `native:inet`; -1 and an exception if there is none. */
int type_of_value(JSValueConst value, char **type_name)
{
    const char *name = JS_IsString(value) ? JS_ToCString(js, value) : NULL;
    *type_name = NULL;
    int type = -1;
    if (name && strncmp(name, "native:", 7) == 0 && name[7]) {
        type = TYPE_NATIVE;
        if (!(*type_name = strdup(name + 7)))
            type = -1;
    } else if (name) {
        for (int i = 0; i < TYPE_NATIVE && type < 0; i++)
            if (strcmp(name, type_names[i]) == 0)
                type = i;
    }
    if (type < 0 && name)
        JS_ThrowTypeError(js,
                          "`%.80s` is not a type; types are boolean, int64, float64, text, bytes, decimal, date, time, "
                          "timestamp, timestamptz, uuid, json, and native:NAME",
                          name);
    else if (type < 0 && !JS_HasException(js))
        JS_ThrowTypeError(js, "a type is a string such as \"text\"");
    JS_FreeCString(js, name);
    return type;
}

int type_by_itself(JSValueConst value, char **type_name)
{
    *type_name = NULL;
    JSValue name = JS_Call(js, prelude.value_type, JS_UNDEFINED, 1, &value);
    int type = JS_IsException(name) ? -1 : type_of_value(name, type_name);
    JS_FreeValue(js, name);
    return type;
}

static bool row_of(Column *column, JSValueConst value, uint32_t *row)
{
    int64_t index;
    if (JS_ToInt64(js, &index, value))
        return false;
    if (index < 0 || index >= column->rows) {
        JS_ThrowRangeError(js, "there is no entry %lld in a column of %u", (long long)index, column->rows);
        return false;
    }
    *row = (uint32_t)index;
    return true;
}

static JSValue column_at(JSContext *context, JSValueConst this, int argc, JSValueConst *argv, int magic)
{
    Column *column = column_of(this);
    uint32_t row;
    if (!column || !row_of(column, argv[0], &row))
        return JS_EXCEPTION;
    return magic ? JS_NewBool(js, column_is_null(column, row)) : column_cell(column, row);
}

static bool set_null(Column *column, uint32_t row, bool null)
{
    if (!column->nulls) {
        if (!null)
            return true;
        uint8_t *nulls = calloc(column->rows, 1);
        if (!nulls || !(column->nulls = block_new(nulls, column->rows))) {
            JS_ThrowOutOfMemory(js);
            return false;
        }
    }
    column->nulls->bytes[row] = null;
    return true;
}

/* Gives an untyped column the type of a value, if that is of fixed width. */
static bool take_type(Column *column, JSValueConst value)
{
    char *type_name;
    int type = type_by_itself(value, &type_name);
    free(type_name);
    if (type < 0 || !type_width[type])
        return type >= 0;
    uint8_t *zeros = calloc(column->rows, type_width[type]);
    Block *data = zeros ? block_new(zeros, (size_t)type_width[type] * column->rows) : NULL;
    if (!data) {
        JS_ThrowOutOfMemory(js);
        return false;
    }
    block_release(column->data);
    block_release(column->offsets);
    JS_FreeValue(js, column->data_view);
    JS_FreeValue(js, column->offsets_view);
    column->data_view = column->offsets_view = JS_UNDEFINED;
    column->type = type;
    column->data = data;
    column->offsets = NULL;
    return true;
}

static JSValue column_set(JSContext *context, JSValueConst this, int argc, JSValueConst *argv, int magic)
{
    Column *column = column_of(this);
    uint32_t row;
    if (!column || !row_of(column, argv[0], &row))
        return JS_EXCEPTION;
    bool null = magic || JS_IsNull(argv[1]);
    if (!null && column_is_untyped(column) && !take_type(column, argv[1]))
        return JS_EXCEPTION;
    uint8_t width = type_width[column->type];
    if (!null && !width)
        return JS_ThrowTypeError(js, "entries of type %s have no fixed length: use `map`, which returns a new column",
                                 type_names[column->type]);
    if (!null && !fixed_entry(column->type, argv[1], column->data->bytes + (size_t)width * row))
        return JS_EXCEPTION;
    return set_null(column, row, null) ? JS_UNDEFINED : JS_EXCEPTION;
}

enum { GET_LENGTH, GET_TYPE, GET_TYPE_NAME, GET_NULL_COUNT, GET_VALUES, GET_OFFSETS };

static JSValue column_get(JSContext *context, JSValueConst this, int magic)
{
    Column *column = column_of(this);
    if (!column)
        return JS_EXCEPTION;
    uint32_t count = 0;
    switch (magic) {
    case GET_LENGTH:
        return JS_NewUint32(js, column->rows);
    case GET_TYPE:
        return JS_NewString(js, type_names[column->type]);
    case GET_TYPE_NAME:
        return column->type_name ? JS_NewString(js, column->type_name) : JS_UNDEFINED;
    case GET_NULL_COUNT:
        for (uint32_t row = 0; row < column->rows; row++)
            count += column_is_null(column, row);
        return JS_NewUint32(js, count);
    default:
        return column_view(column, magic == GET_OFFSETS);
    }
}

/* A column that was made row by row of another one. */
JSValue with_rows_of(const Column *column, JSValue made)
{
    if (column && column->of_chunk && !JS_IsException(made) && column_of(made)->rows == column->rows)
        column_of(made)->of_chunk = true;
    return made;
}

/* map(f, type = this.type): f(value, row) for each entry that is not NULL. */
static JSValue column_map(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Column *column = column_of(this);
    if (!column)
        return JS_EXCEPTION;
    if (!JS_IsFunction(js, argv[0]))
        return JS_ThrowTypeError(js, "`map` takes a function");
    char *type_name = NULL;
    int type = column->type;
    if (argc > 1 && !JS_IsUndefined(argv[1]) && (type = type_of_value(argv[1], &type_name)) < 0)
        return JS_EXCEPTION;
    Builder builder;
    bool good = builder_start(&builder, type, type_name ? type_name : column->type_name, column->rows);
    free(type_name);
    for (uint32_t row = 0; good && row < column->rows; row++) {
        if (column_is_null(column, row)) {
            good = builder_null(&builder);
            continue;
        }
        JSValue arguments[2] = {column_cell(column, row), JS_NewUint32(js, row)};
        JSValue result = JS_IsException(arguments[0]) ? JS_EXCEPTION : JS_Call(js, argv[0], JS_UNDEFINED, 2, arguments);
        good = !JS_IsException(result);
        if (good && !(good = builder_value(&builder, result)))
            refuse_promise(result);
        if (!good)
            exception_in_row(column->of_chunk, row, JS_DupValue(js, arguments[0]));
        JS_FreeValue(js, arguments[0]);
        JS_FreeValue(js, result);
    }
    return good ? with_rows_of(column, builder_finish(&builder)) : (builder_free(&builder), JS_EXCEPTION);
}

/* columnFromArray(type, array, column whose place it takes, or undefined, column of the same rows, or undefined) */
static JSValue column_from_array(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    char *type_name;
    int type = type_of_value(argv[0], &type_name);
    int64_t rows;
    if (type < 0)
        return JS_EXCEPTION;
    Builder builder;
    Column *old = JS_IsUndefined(argv[2]) ? NULL : column_of(argv[2]);
    Column *peer = JS_IsUndefined(argv[3]) ? NULL : column_of(argv[3]);
    bool good = (old || JS_IsUndefined(argv[2])) && (peer || JS_IsUndefined(argv[3])) && JS_GetLength(js, argv[1], &rows) == 0;
    if (good && rows > UINT32_MAX - 1) {
        JS_ThrowRangeError(js, "a column has at most 2^32 - 2 rows");
        good = false;
    }
    good = good && builder_start(&builder, type, type_name, (uint32_t)rows);
    free(type_name);
    if (!good)
        return JS_EXCEPTION;
    builder.open = old && column_is_untyped(old) ? OPEN_NULLS : OPEN_NO;
    for (uint32_t row = 0; good && row < rows; row++) {
        JSValue value = JS_GetPropertyUint32(js, argv[1], row);
        good = !JS_IsException(value);
        if (good && !(good = builder_value(&builder, value)) && peer && peer->of_chunk && row < peer->rows)
            exception_in_row(true, row, JS_UNDEFINED);
        else if (!good)
            exception_at("entry %u", row);
        JS_FreeValue(js, value);
    }
    return good ? with_rows_of(peer, builder_finish(&builder)) : (builder_free(&builder), JS_EXCEPTION);
}

/* columnFromBuffer(type, typed array of its entries, column with the NULLs or undefined) */
static JSValue column_from_buffer(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    char *type_name;
    int type = type_of_value(argv[0], &type_name);
    if (type < 0)
        return JS_EXCEPTION;
    free(type_name);
    uint8_t *bytes;
    size_t size;
    if (!type_width[type])
        return JS_ThrowTypeError(js, "a column of type %s is made from an array of values", type_names[type]);
    if (!bytes_of(argv[1], &bytes, &size))
        return JS_EXCEPTION;
    if (size % type_width[type])
        return JS_ThrowTypeError(js, "the typed array does not consist of whole entries of type %s", type_names[type]);
    Column *nulls = JS_IsUndefined(argv[2]) ? NULL : column_of(argv[2]);
    if (!nulls && !JS_IsUndefined(argv[2]))
        return JS_EXCEPTION;
    Column shape = {.type = type, .rows = size / type_width[type]};
    if (nulls && nulls->rows == shape.rows)
        shape.nulls = nulls->nulls;
    Column *column = column_like(&shape);
    if (column)
        column->data = block_copy(&(Block){1, size, bytes});
    return column_object(column);
}

/* clone(): the same entries in memory of their own. */
static JSValue column_clone(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Column *column = column_of(this);
    if (!column)
        return JS_EXCEPTION;
    Column *copy = column_like(column);
    if (copy) {
        copy->data = block_copy(column->data);
        copy->offsets = column->offsets ? block_copy(column->offsets) : NULL;
    }
    return column_object(copy);
}

static const JSCFunctionListEntry column_members[] = {
    JS_CGETSET_MAGIC_DEF("length", column_get, NULL, GET_LENGTH),
    JS_CGETSET_MAGIC_DEF("type", column_get, NULL, GET_TYPE),
    JS_CGETSET_MAGIC_DEF("typeName", column_get, NULL, GET_TYPE_NAME),
    JS_CGETSET_MAGIC_DEF("nullCount", column_get, NULL, GET_NULL_COUNT),
    JS_CGETSET_MAGIC_DEF("values", column_get, NULL, GET_VALUES),
    JS_CGETSET_MAGIC_DEF("offsets", column_get, NULL, GET_OFFSETS),
    JS_CFUNC_MAGIC_DEF("at", 1, column_at, 0),
    JS_CFUNC_MAGIC_DEF("isNull", 1, column_at, 1),
    JS_CFUNC_MAGIC_DEF("set", 2, column_set, 0),
    JS_CFUNC_MAGIC_DEF("setNull", 1, column_set, 1),
    JS_CFUNC_DEF("map", 1, column_map),
    JS_CFUNC_DEF("clone", 0, column_clone),
};

void column_classes(JSValue native)
{
    JS_NewClassID(JS_GetRuntime(js), &column_class);
    JS_NewClass(JS_GetRuntime(js), column_class, &column_definition);
    JSValue prototype = JS_NewObject(js);
    JS_SetPropertyFunctionList(js, prototype, column_members, COUNT(column_members));
    JS_SetPropertyStr(js, native, "columnPrototype", JS_DupValue(js, prototype));
    JS_SetClassProto(js, column_class, prototype);
    define(native, "columnFromArray", column_from_array, 4);
    define(native, "columnFromBuffer", column_from_buffer, 3);
}
