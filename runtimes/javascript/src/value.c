/* Single values, both ways. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

/* The property of an object such as a Decimal that holds its value. */
static const char *const payloads[TYPE_COUNT] = {
    NULL, NULL, "value", NULL, NULL, "text", "days", "microseconds", "epochMicroseconds", "epochMicroseconds",
    "text", "text", "text",
};

JSValue new_int64(int64_t number)
{
    bool safe = number >= -MAX_SAFE_INTEGER && number <= MAX_SAFE_INTEGER;
    return safe ? JS_NewInt64(js, number) : JS_NewBigInt64(js, number);
}

bool to_int64(JSValueConst value, int64_t *number)
{
    if (JS_IsBigInt(value)) {
        if (JS_ToBigInt64(js, number, value))
            return false;
        JSValue back = JS_NewBigInt64(js, *number);
        bool fits = JS_IsStrictEqual(js, back, value);
        JS_FreeValue(js, back);
        if (!fits)
            JS_ThrowRangeError(js, "the bigint does not fit into 64 bits");
        return fits;
    }
    double real;
    if (!JS_IsNumber(value)) {
        JS_ThrowTypeError(js, "an int64 is a whole number or a bigint");
        return false;
    }
    if (JS_ToFloat64(js, &real, value))
        return false;
    if (!(fabs(real) <= MAX_SAFE_INTEGER) || real != trunc(real)) {
        JS_ThrowRangeError(js, "%.17g is not a whole number up to 2^53 - 1; use a bigint beyond", real);
        return false;
    }
    *number = (int64_t)real;
    return true;
}

/* Takes the payload. */
JSValue new_typed(uint8_t type, JSValue payload, const char *type_name, size_t type_name_size)
{
    if (JS_IsException(payload))
        return payload;
    JSValue object = JS_NewObjectProto(js, prelude.prototypes[type]);
    if (JS_IsException(object)) {
        JS_FreeValue(js, payload);
        return object;
    }
    bool good = JS_DefinePropertyValueStr(js, object, payloads[type], payload, JS_PROP_ENUMERABLE) >= 0;
    if (good && type == TYPE_NATIVE)
        good = JS_DefinePropertyValueStr(js, object, "typeName", JS_NewStringLen(js, type_name, type_name_size),
                                         JS_PROP_ENUMERABLE) >= 0;
    if (good)
        return object;
    JS_FreeValue(js, object);
    return JS_EXCEPTION;
}

JSValue new_uuid(uint64_t first, uint64_t last)
{
    char text[37];
    snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(first >> 32), (unsigned)(first >> 16 & 0xffff),
             (unsigned)(first & 0xffff), (unsigned)(last >> 48), (unsigned long long)(last & 0xffffffffffff));
    return new_typed(TYPE_UUID, JS_NewStringLen(js, text, 36), NULL, 0);
}

bool parse_uuid(const char *text, uint64_t *first, uint64_t *last)
{
    uint64_t parts[2] = {0, 0};
    int digits = 0;
    for (; *text; text++) {
        char c = *text;
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (c == '-')
            continue;
        if (digit < 0 || digits == 32)
            break;
        parts[digits / 16] = parts[digits / 16] << 4 | digit;
        digits++;
    }
    *first = parts[0];
    *last = parts[1];
    if (!*text && digits == 32)
        return true;
    JS_ThrowTypeError(js, "a UUID has 32 hexadecimal digits");
    return false;
}

int typed_payload(JSValueConst value, JSValue *payload)
{
    if (!JS_IsObject(value))
        return -1;
    JSValue tag = JS_GetProperty(js, value, prelude.type);
    int32_t type = -1;
    if (JS_IsException(tag))
        JS_FreeValue(js, JS_GetException(js));
    else if (JS_IsNumber(tag))
        JS_ToInt32(js, &type, tag);
    JS_FreeValue(js, tag);
    if (type < 0 || type >= TYPE_COUNT || !payloads[type])
        return -1;
    *payload = JS_GetPropertyStr(js, value, payloads[type]);
    return type;
}

bool bytes_of(JSValueConst value, uint8_t **bytes, size_t *size)
{
    size_t offset = 0, whole = 0;
    if (JS_IsArrayBuffer(value)) {
        *bytes = JS_GetArrayBuffer(js, size, value);
        return *bytes || !*size;
    }
    if (JS_GetTypedArrayType(value) < 0 && !JS_IsDataView(value)) {
        JS_ThrowTypeError(js, "bytes are a Uint8Array, another typed array, a DataView or an ArrayBuffer");
        return false;
    }
    JSValue buffer;
    if (JS_IsDataView(value)) {
        int64_t start, length;
        buffer = JS_GetPropertyStr(js, value, "buffer");
        JSValue at = JS_GetPropertyStr(js, value, "byteOffset"), count = JS_GetPropertyStr(js, value, "byteLength");
        if (JS_IsException(buffer) || JS_ToInt64(js, &start, at) || JS_ToInt64(js, &length, count))
            return false;
        offset = start;
        *size = length;
    } else {
        buffer = JS_GetTypedArrayBuffer(js, value, &offset, size, NULL);
        if (JS_IsException(buffer))
            return false;
    }
    uint8_t *start = JS_GetArrayBuffer(js, &whole, buffer);
    JS_FreeValue(js, buffer);
    if (!start || offset > whole || *size > whole - offset) {
        /* An empty buffer has no address, which is no failure. */
        JS_FreeValue(js, JS_GetException(js));
        *size = 0;
        *bytes = NULL;
        return true;
    }
    *bytes = start + offset;
    return true;
}

const char *utf8_of(JSValueConst value, size_t *size)
{
    const char *text = JS_ToCStringLen(js, size, value);
    if (!text)
        return NULL;
    /* The interpreter writes a lone surrogate as three bytes, ED A0..BF 80..BF, which is no UTF-8. */
    for (const char *at = text; (at = memchr(at, 0xed, text + *size - at)); at++) {
        if ((uint8_t)at[1] >= 0xa0) {
            JS_FreeCString(js, text);
            JS_ThrowTypeError(js, "the string has half of a surrogate pair, which has no form in UTF-8");
            return NULL;
        }
    }
    return text;
}

bool string_lower(JSValueConst value, String *into)
{
    size_t size;
    const char *text = utf8_of(value, &size);
    if (!text)
        return false;
    data_migration_string_dup_n(into, text, size);
    JS_FreeCString(js, text);
    return true;
}

void message_lower(JSValueConst value, String *into)
{
    size_t size;
    const char *text = JS_ToCStringLen(js, &size, value);
    if (!text) {
        JS_FreeValue(js, JS_GetException(js));
        data_migration_string_dup(into, "(a message that cannot be shown)");
        return;
    }
    data_migration_string_dup_n(into, text, size);
    JS_FreeCString(js, text);
    for (size_t i = 0; i + 2 < into->len; i++)
        if (into->ptr[i] == 0xed && into->ptr[i + 1] >= 0xa0)
            memcpy(into->ptr + i, "\xef\xbf\xbd", 3);
}

JSValue string_lift(const String *string)
{
    return JS_NewStringLen(js, string->len ? (const char *)string->ptr : "", string->len);
}

JSValue value_lift(const Value *value)
{
    switch (value->tag) {
    case RUNNER_MIGRATION_TYPES_VALUE_NULL:
        return JS_NULL;
    case RUNNER_MIGRATION_TYPES_VALUE_BOOLEAN:
        return JS_NewBool(js, value->val.boolean);
    case RUNNER_MIGRATION_TYPES_VALUE_INT64:
        return new_int64(value->val.int64);
    case RUNNER_MIGRATION_TYPES_VALUE_FLOAT64:
        return JS_NewFloat64(js, value->val.float64);
    case RUNNER_MIGRATION_TYPES_VALUE_TEXT:
        return string_lift(&value->val.text);
    case RUNNER_MIGRATION_TYPES_VALUE_BYTES:
        return JS_NewUint8ArrayCopy(js, value->val.bytes.len ? value->val.bytes.ptr : (uint8_t *)"", value->val.bytes.len);
    case RUNNER_MIGRATION_TYPES_VALUE_DATE:
        return new_typed(TYPE_DATE, JS_NewInt32(js, value->val.date), NULL, 0);
    case RUNNER_MIGRATION_TYPES_VALUE_TIME:
    case RUNNER_MIGRATION_TYPES_VALUE_TIMESTAMP:
    case RUNNER_MIGRATION_TYPES_VALUE_TIMESTAMPTZ:
        return new_typed(value->tag - 1, JS_NewBigInt64(js, value->val.time), NULL, 0);
    case RUNNER_MIGRATION_TYPES_VALUE_UUID:
        return new_uuid(value->val.uuid.f0, value->val.uuid.f1);
    case RUNNER_MIGRATION_TYPES_VALUE_NATIVE:
        return new_typed(TYPE_NATIVE, string_lift(&value->val.native.text), (char *)value->val.native.type_name.ptr,
                         value->val.native.type_name.len);
    default:
        return new_typed(value->tag - 1, string_lift(&value->val.text), NULL, 0);
    }
}

static bool payload_lower(int type, JSValueConst payload, JSValueConst object, Value *into)
{
    into->tag = type + 1;
    switch (type) {
    case TYPE_UUID: {
        const char *text = JS_ToCString(js, payload);
        bool good = text && parse_uuid(text, &into->val.uuid.f0, &into->val.uuid.f1);
        JS_FreeCString(js, text);
        return good;
    }
    case TYPE_NATIVE: {
        JSValue name = JS_GetPropertyStr(js, object, "typeName");
        bool good = !JS_IsException(name) && string_lower(name, &into->val.native.type_name);
        JS_FreeValue(js, name);
        if (good && !string_lower(payload, &into->val.native.text)) {
            data_migration_string_free(&into->val.native.type_name);
            good = false;
        }
        return good;
    }
    case TYPE_DECIMAL:
    case TYPE_JSON:
        return string_lower(payload, &into->val.text);
    case TYPE_FLOAT64:
        return JS_ToFloat64(js, &into->val.float64, payload) == 0;
    default:
        return fixed_entry(type, payload, &into->val);
    }
}

/* A failure leaves nothing in `into` that has to be freed. */
bool value_lower(JSValueConst value, Value *into)
{
    double real = 0;
    *into = (Value){0};
    if (JS_IsNull(value))
        return true;
    if (JS_IsBool(value)) {
        into->tag = RUNNER_MIGRATION_TYPES_VALUE_BOOLEAN;
        into->val.boolean = JS_ToBool(js, value);
        return true;
    }
    if (JS_IsNumber(value) && JS_ToFloat64(js, &real, value) == 0 &&
        (!isfinite(real) || real != trunc(real) || (real == 0 && signbit(real)))) {
        into->tag = RUNNER_MIGRATION_TYPES_VALUE_FLOAT64;
        into->val.float64 = real;
        return true;
    }
    if ((JS_IsNumber(value) && fabs(real) <= MAX_SAFE_INTEGER) || JS_IsBigInt(value)) {
        into->tag = RUNNER_MIGRATION_TYPES_VALUE_INT64;
        return to_int64(value, &into->val.int64);
    }
    if (JS_IsString(value)) {
        into->tag = RUNNER_MIGRATION_TYPES_VALUE_TEXT;
        return string_lower(value, &into->val.text);
    }
    JSValue payload;
    int type = typed_payload(value, &payload);
    if (type >= 0) {
        bool good = !JS_IsException(payload) && payload_lower(type, payload, value, into);
        JS_FreeValue(js, payload);
        return good;
    }
    if (JS_IsArrayBuffer(value) || JS_IsDataView(value) || JS_GetTypedArrayType(value) >= 0) {
        uint8_t *bytes, *copy = NULL;
        size_t size;
        if (!bytes_of(value, &bytes, &size))
            return false;
        if (size && !(copy = malloc(size))) {
            JS_ThrowOutOfMemory(js);
            return false;
        }
        if (size)
            memcpy(copy, bytes, size);
        into->tag = RUNNER_MIGRATION_TYPES_VALUE_BYTES;
        into->val.bytes.ptr = copy;
        into->val.bytes.len = size;
        return true;
    }
    /* A Date, a plain object, an array, or an error, as for a whole number beyond 2^53 - 1; the result is an object with a payload. */
    JSValue object = JS_Call(js, prelude.coerce_parameter, JS_UNDEFINED, 1, &value);
    bool good = !JS_IsException(object) && (type = typed_payload(object, &payload)) >= 0;
    if (good) {
        good = !JS_IsException(payload) && payload_lower(type, payload, object, into);
        JS_FreeValue(js, payload);
    }
    JS_FreeValue(js, object);
    return good;
}

bool values_lower(JSValueConst array, runner_migration_sql_list_value_t *into)
{
    int64_t count = 0;
    *into = (runner_migration_sql_list_value_t){0};
    if (JS_IsUndefined(array))
        return true;
    if (!JS_IsArray(array)) {
        JS_ThrowTypeError(js, "parameters are an array of values");
        return false;
    }
    if (JS_GetLength(js, array, &count))
        return false;
    if (!count)
        return true;
    if (!(into->ptr = calloc(count, sizeof *into->ptr))) {
        JS_ThrowOutOfMemory(js);
        return false;
    }
    for (; into->len < count; into->len++) {
        JSValue value = JS_GetPropertyUint32(js, array, into->len);
        bool good = !JS_IsException(value) && value_lower(value, into->ptr + into->len);
        JS_FreeValue(js, value);
        if (!good) {
            exception_at("parameter %zu", into->len + 1);
            runner_migration_sql_list_value_free(into);
            return false;
        }
    }
    return true;
}
