/* Columns built up from JavaScript values. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

bool builder_start(Builder *builder, uint8_t type, const char *type_name, uint32_t rows)
{
    *builder = (Builder){.type = type, .rows_capacity = rows ? rows : 1};
    uint8_t width = type_width[type];
    builder->capacity = width ? (size_t)width * builder->rows_capacity : 16 * (size_t)builder->rows_capacity;
    builder->data = malloc(builder->capacity);
    bool good = builder->data;
    if (!width) {
        builder->offsets = malloc(sizeof(uint32_t) * ((size_t)builder->rows_capacity + 1));
        if ((good = good && builder->offsets))
            builder->offsets[0] = 0;
    }
    if (type_name)
        good = (builder->type_name = strdup(type_name)) && good;
    if (!good) {
        builder_free(builder);
        JS_ThrowOutOfMemory(js);
    }
    return good;
}

void builder_free(Builder *builder)
{
    free(builder->nulls);
    free(builder->data);
    free(builder->offsets);
    free(builder->type_name);
    *builder = (Builder){0};
}

static bool grow(void *memory, size_t size)
{
    void *grown = realloc(*(void **)memory, size);
    if (!grown) {
        JS_ThrowOutOfMemory(js);
        return false;
    }
    *(void **)memory = grown;
    return true;
}

/* Makes room for one more row of `size` bytes. */
static bool reserve(Builder *builder, size_t size)
{
    uint8_t width = type_width[builder->type];
    if (builder->rows == builder->rows_capacity) {
        size_t rows = 2 * (size_t)builder->rows_capacity;
        if (builder->nulls && !grow(&builder->nulls, rows))
            return false;
        if (width ? !grow(&builder->data, rows * width) : !grow(&builder->offsets, (rows + 1) * sizeof(uint32_t)))
            return false;
        if (width)
            builder->capacity = rows * width;
        builder->rows_capacity = rows;
    }
    if (builder->size + size > UINT32_MAX) {
        JS_ThrowRangeError(js, "a column holds at most 4 GiB");
        return false;
    }
    if (builder->size + size > builder->capacity) {
        size_t capacity = builder->capacity * 2;
        if (capacity < builder->size + size)
            capacity = builder->size + size;
        if (!grow(&builder->data, capacity))
            return false;
        builder->capacity = capacity;
    }
    return true;
}

static void push(Builder *builder, bool null, const void *bytes, size_t size)
{
    if (size)
        memcpy(builder->data + builder->size, bytes, size);
    builder->size += size;
    if (builder->nulls)
        builder->nulls[builder->rows] = null;
    builder->rows++;
    if (builder->offsets)
        builder->offsets[builder->rows] = builder->size;
}

bool builder_bytes(Builder *builder, const void *bytes, size_t size)
{
    if (!reserve(builder, size))
        return false;
    push(builder, false, bytes, size);
    return true;
}

bool builder_null(Builder *builder)
{
    static const uint8_t zeros[16];
    uint8_t width = type_width[builder->type];
    if (!reserve(builder, width))
        return false;
    if (!builder->nulls && !(builder->nulls = calloc(builder->rows_capacity, 1))) {
        JS_ThrowOutOfMemory(js);
        return false;
    }
    push(builder, true, zeros, width);
    return true;
}

static bool wrong(uint8_t type)
{
    JS_ThrowTypeError(js, "the value is no %s", type_names[type]);
    return false;
}

/* What the prelude makes of a value that is not of the type itself, such as a Date from a string. */
static bool coerced(uint8_t type, JSValueConst value, JSValue *payload)
{
    JSValue arguments[2] = {JS_NewInt32(js, type), JS_DupValue(js, value)};
    *payload = JS_Call(js, prelude.coerce, JS_UNDEFINED, 2, arguments);
    JS_FreeValue(js, arguments[1]);
    return !JS_IsException(*payload);
}

static bool payload_entry(uint8_t type, JSValueConst payload, void *entry)
{
    int64_t number;
    if (type == TYPE_UUID) {
        const char *text = JS_ToCString(js, payload);
        uint64_t *halves = entry;
        bool good = text && parse_uuid(text, halves, halves + 1);
        JS_FreeCString(js, text);
        return good;
    }
    if (!to_int64(payload, &number))
        return false;
    if (type != TYPE_DATE) {
        *(int64_t *)entry = number;
        return true;
    }
    if (number != (int32_t)number) {
        JS_ThrowRangeError(js, "the date is out of range");
        return false;
    }
    *(int32_t *)entry = (int32_t)number;
    return true;
}

bool fixed_entry(uint8_t type, JSValueConst value, void *entry)
{
    switch (type) {
    case TYPE_BOOLEAN:
        if (!JS_IsBool(value))
            return wrong(type);
        *(uint8_t *)entry = JS_ToBool(js, value);
        return true;
    case TYPE_INT64:
        return to_int64(value, entry);
    case TYPE_FLOAT64:
        if (JS_IsNumber(value))
            return JS_ToFloat64(js, entry, value) == 0;
        if (JS_IsBigInt(value)) {
            int64_t number;
            if (!to_int64(value, &number))
                return false;
            *(double *)entry = (double)number;
            if (number > MAX_SAFE_INTEGER || number < -MAX_SAFE_INTEGER) {
                JS_ThrowRangeError(js, "the bigint has no exact float64");
                return false;
            }
            return true;
        }
        break;
    }
    /* The numbers inside of a PlainDate and so on are whole by themselves. */
    if (type != TYPE_FLOAT64 && (JS_IsBigInt(value) || (type == TYPE_DATE && JS_IsNumber(value))))
        return payload_entry(type, value, entry);
    JSValue payload = JS_UNDEFINED;
    int found = typed_payload(value, &payload);
    if (found != type) {
        if (found >= 0)
            JS_FreeValue(js, payload);
        if (!coerced(type, value, &payload))
            return false;
    }
    bool good = !JS_IsException(payload);
    if (good)
        good = type == TYPE_FLOAT64 ? JS_ToFloat64(js, entry, payload) == 0 : payload_entry(type, payload, entry);
    JS_FreeValue(js, payload);
    return good;
}

static bool text_value(Builder *builder, JSValueConst value)
{
    size_t size;
    const char *text = utf8_of(value, &size);
    bool good = text && builder_bytes(builder, text, size);
    JS_FreeCString(js, text);
    return good;
}

static bool native_name_matches(Builder *builder, JSValueConst value)
{
    JSValue name = JS_GetPropertyStr(js, value, "typeName");
    const char *text = JS_ToCString(js, name);
    bool good = text && builder->type_name && strcmp(text, builder->type_name) == 0;
    if (text && !good)
        JS_ThrowTypeError(js, "the value is of the type `%.80s`, the column of `%.80s`", text,
                          builder->type_name ? builder->type_name : "");
    JS_FreeCString(js, text);
    JS_FreeValue(js, name);
    return good;
}

/* Makes what was taken for int64 float64; not if a bigint is among it that has no exact one. */
static void make_real(Builder *builder)
{
    for (uint32_t row = 0; row < builder->rows; row++) {
        int64_t whole;
        memcpy(&whole, builder->data + row * sizeof whole, sizeof whole);
        if (whole > MAX_SAFE_INTEGER || whole < -MAX_SAFE_INTEGER)
            return;
    }
    for (uint32_t row = 0; row < builder->rows; row++) {
        int64_t whole;
        memcpy(&whole, builder->data + row * sizeof whole, sizeof whole);
        double real = (double)whole;
        memcpy(builder->data + row * sizeof real, &real, sizeof real);
    }
    builder->type = TYPE_FLOAT64;
    builder->open = OPEN_NO;
}

static bool is_fraction(JSValueConst value)
{
    double real;
    return JS_IsNumber(value) && JS_ToFloat64(js, &real, value) == 0 && !(isfinite(real) && real == trunc(real));
}

/* Gives a column in the place of an untyped one the type of its first value, or of a fraction behind whole numbers. */
static bool take_type(Builder *builder, JSValueConst value)
{
    if (builder->open == OPEN_WHOLE) {
        if (is_fraction(value))
            make_real(builder);
        return true;
    }
    char *type_name;
    int type = type_by_itself(value, &type_name);
    if (type < 0)
        return false;
    Builder typed = {0};
    bool good = builder_start(&typed, type, type_name, builder->rows_capacity);
    free(type_name);
    while (good && typed.rows < builder->rows)
        good = builder_null(&typed);
    if (!good) {
        builder_free(&typed);
        return false;
    }
    typed.open = type == TYPE_INT64 ? OPEN_WHOLE : OPEN_NO;
    builder_free(builder);
    *builder = typed;
    return true;
}

bool builder_value(Builder *builder, JSValueConst value)
{
    if (JS_IsNull(value))
        return builder_null(builder);
    if (JS_IsUndefined(value)) {
        JS_ThrowTypeError(js, "the value is undefined; use null for NULL");
        return false;
    }
    if (builder->open && !take_type(builder, value))
        return false;
    uint8_t type = builder->type;
    if (type_width[type]) {
        uint64_t entry[2] = {0, 0};
        return fixed_entry(type, value, entry) && builder_bytes(builder, entry, type_width[type]);
    }
    if (type == TYPE_TEXT)
        return JS_IsString(value) ? text_value(builder, value) : wrong(type);
    if (type == TYPE_BYTES) {
        uint8_t *bytes;
        size_t size;
        return bytes_of(value, &bytes, &size) && builder_bytes(builder, bytes, size);
    }
    JSValue payload = JS_UNDEFINED;
    int found = typed_payload(value, &payload);
    bool good = found == type && !JS_IsException(payload);
    if (good && type == TYPE_NATIVE)
        good = native_name_matches(builder, value);
    if (found >= 0 && found != type)
        JS_FreeValue(js, payload);
    if (found != type)
        good = coerced(type, value, &payload);
    good = good && text_value(builder, payload);
    JS_FreeValue(js, payload);
    return good;
}

JSValue builder_finish(Builder *builder)
{
    Column shape = {.type = builder->type, .rows = builder->rows, .type_name = builder->type_name};
    Column *column = column_like(&shape);
    if (column) {
        bool any_null = false;
        for (uint32_t row = 0; builder->nulls && !any_null && row < builder->rows; row++)
            any_null = builder->nulls[row];
        if (!builder->size) {
            free(builder->data);
            builder->data = NULL;
        }
        column->data = block_new(builder->data, builder->size);
        builder->data = NULL;
        if (builder->offsets) {
            column->offsets = block_new(builder->offsets, sizeof(uint32_t) * ((size_t)builder->rows + 1));
            builder->offsets = NULL;
        }
        if (any_null) {
            column->nulls = block_new(builder->nulls, builder->rows);
            builder->nulls = NULL;
        }
    }
    builder_free(builder);
    return column_object(column);
}
