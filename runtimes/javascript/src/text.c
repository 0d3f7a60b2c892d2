/* Whole columns at a time: texts and numbers, without a call into JavaScript per entry. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libunicode.h"
#include "runtime.h"

/* Eight bytes at a time. */
static bool is_ascii(const uint8_t *bytes, size_t size)
{
    uint64_t word;
    for (; size >= 8; size -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        if (word & 0x8080808080808080)
            return false;
    }
    for (; size; size--)
        if (*bytes++ & 0x80)
            return false;
    return true;
}

static size_t encode(uint32_t c, uint8_t *into)
{
    if (c < 0x80) {
        into[0] = c;
        return 1;
    }
    if (c < 0x800) {
        into[0] = 0xc0 | c >> 6;
        into[1] = 0x80 | (c & 0x3f);
        return 2;
    }
    if (c < 0x10000) {
        into[0] = 0xe0 | c >> 12;
        into[1] = 0x80 | (c >> 6 & 0x3f);
        into[2] = 0x80 | (c & 0x3f);
        return 3;
    }
    into[0] = 0xf0 | c >> 18;
    into[1] = 0x80 | (c >> 12 & 0x3f);
    into[2] = 0x80 | (c >> 6 & 0x3f);
    into[3] = 0x80 | (c & 0x3f);
    return 4;
}

/* Decodes one code point; 0 bytes if there is no valid one. */
static size_t decode(const uint8_t *at, size_t size, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;
    if (!length || length > size)
        return 0;
    *c = length == 1 ? at[0] : at[0] & (0xff >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        *c = *c << 6 | (at[i] & 0x3f);
    }
    return *c < least[length] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : length;
}

bool is_utf8(const uint8_t *bytes, size_t size)
{
    uint32_t c;
    while (size) {
        size_t length = size >= 8 && is_ascii(bytes, 8) ? 8 : decode(bytes, size, &c);
        if (!length)
            return false;
        bytes += length;
        size -= length;
    }
    return true;
}

/* Appends what one entry becomes. */
typedef bool EntryFunction(Builder *into, const uint8_t *bytes, size_t size, void *argument);

static Column *text_column(JSValueConst object)
{
    Column *column = column_of(object);
    if (column && column->type != TYPE_TEXT && !column_all_null(column)) {
        JS_ThrowTypeError(js, "the column is of type %s, not text", type_names[column->type]);
        return NULL;
    }
    return column;
}

static JSValue each_text(JSValueConst object, EntryFunction *function, void *argument)
{
    Column *column = text_column(object);
    Builder builder;
    if (!column || !builder_start(&builder, TYPE_TEXT, NULL, column->rows))
        return JS_EXCEPTION;
    bool good = true;
    for (uint32_t row = 0; good && row < column->rows; row++) {
        const uint8_t *bytes;
        size_t size;
        if (column_is_null(column, row))
            good = builder_null(&builder);
        else
            good = column_entry(column, row, &bytes, &size) && function(&builder, bytes, size, argument);
        if (!good)
            exception_in_row(column->of_chunk, row, column_cell(column, row));
    }
    return good ? with_rows_of(column, builder_finish(&builder)) : (builder_free(&builder), JS_EXCEPTION);
}

/* A method of String for one entry, where bytes do not suffice. */
typedef struct Method {
    const char *name;
    int argc;
    JSValueConst *argv;
} Method;

static bool by_method(Builder *into, const uint8_t *bytes, size_t size, void *argument)
{
    Method *method = argument;
    JSValue text = JS_NewStringLen(js, (const char *)bytes, size);
    JSAtom name = JS_NewAtom(js, method->name);
    JSValue result = JS_Invoke(js, text, name, method->argc, method->argv);
    bool good = !JS_IsException(result) && builder_value(into, result);
    JS_FreeAtom(js, name);
    JS_FreeValue(js, result);
    JS_FreeValue(js, text);
    return good;
}

enum { LOWER, UPPER };

/* The column with every ASCII letter changed, or NULL if there are other characters. */
static Column *ascii_case(const Column *column, bool upper)
{
    size_t size = column->data->size;
    if (!is_ascii(column->data->bytes, size))
        return NULL;
    Column *changed = column_like(column);
    uint8_t *bytes = malloc(size ? size : 1), *offsets = malloc(column->offsets->size);
    if (!changed || !bytes || !offsets) {
        free(bytes);
        free(offsets);
        return changed;
    }
    const uint8_t *from = column->data->bytes;
    uint8_t first = upper ? 'a' : 'A';
    for (size_t i = 0; i < size; i++)
        bytes[i] = from[i] ^ ((uint8_t)(from[i] - first) < 26) << 5;
    memcpy(offsets, column->offsets->bytes, column->offsets->size);
    if (!size)
        free(bytes);
    changed->data = block_new(bytes, size);
    changed->offsets = block_new(offsets, column->offsets->size);
    return changed;
}

static bool change_case(Builder *into, const uint8_t *bytes, size_t size, void *argument)
{
    bool upper = *(int *)argument == UPPER;
    /* A capital sigma becomes another letter at the end of a word, which String.toLowerCase finds out. */
    if (!upper && memmem(bytes, size, "\xce\xa3", 2))
        return by_method(into, bytes, size, &(Method){"toLowerCase", 0, NULL});
    uint8_t stack[256], *buffer = stack;
    /* One code point becomes three at most, of which each takes at most as many bytes as any. */
    if (size > sizeof stack / 12 && !(buffer = malloc(12 * size))) {
        JS_ThrowOutOfMemory(js);
        return false;
    }
    size_t length = 0;
    bool good = true;
    for (size_t at = 0; good && at < size;) {
        uint32_t c = 0, changed[LRE_CC_RES_LEN_MAX];
        size_t read = decode(bytes + at, size - at, &c);
        at += read;
        if (!(good = read)) {
            JS_ThrowTypeError(js, "the text is no UTF-8");
            break;
        }
        int count = lre_case_conv(changed, c, upper ? 0 : 1);
        for (int i = 0; i < count; i++)
            length += encode(changed[i], buffer + length);
    }
    good = good && builder_bytes(into, buffer, length);
    if (buffer != stack)
        free(buffer);
    return good;
}

static JSValue text_case(JSContext *context, JSValueConst this, int argc, JSValueConst *argv, int magic)
{
    Column *column = text_column(this);
    if (!column)
        return JS_EXCEPTION;
    Column *changed = column->type == TYPE_TEXT ? ascii_case(column, magic == UPPER) : NULL;
    return changed ? column_object(changed) : each_text(this, change_case, &magic);
}

enum { TRIM_START = 1, TRIM_END = 2 };

static bool trim(Builder *into, const uint8_t *bytes, size_t size, void *argument)
{
    int ends = *(int *)argument;
    uint32_t c;
    size_t length;
    while (ends & TRIM_START && size && (length = decode(bytes, size, &c)) && lre_is_space(c)) {
        bytes += length;
        size -= length;
    }
    while (ends & TRIM_END && size) {
        size_t start = size - 1;
        while (start && bytes[start] >> 6 == 2)
            start--;
        if (!decode(bytes + start, size - start, &c) || !lre_is_space(c))
            break;
        size = start;
    }
    return builder_bytes(into, bytes, size);
}

static JSValue text_trim(JSContext *context, JSValueConst this, int argc, JSValueConst *argv, int magic)
{
    return each_text(this, trim, &magic);
}

typedef struct Replacement {
    const char *from, *to;
    size_t from_size, to_size;
} Replacement;

static bool replace(Builder *into, const uint8_t *bytes, size_t size, void *argument)
{
    const Replacement *it = argument;
    const uint8_t *found, *end = bytes + size;
    if (!memmem(bytes, size, it->from, it->from_size))
        return builder_bytes(into, bytes, size);
    size_t count = 0;
    for (const uint8_t *at = bytes; (found = memmem(at, end - at, it->from, it->from_size)); at = found + it->from_size)
        count++;
    size_t length = size + count * it->to_size - count * it->from_size;
    uint8_t *buffer = malloc(length ? length : 1), *to = buffer;
    if (!buffer) {
        JS_ThrowOutOfMemory(js);
        return false;
    }
    const uint8_t *at = bytes;
    for (; (found = memmem(at, end - at, it->from, it->from_size)); at = found + it->from_size) {
        memcpy(to, at, found - at);
        to += found - at;
        memcpy(to, it->to, it->to_size);
        to += it->to_size;
    }
    memcpy(to, at, end - at);
    bool good = builder_bytes(into, buffer, length);
    free(buffer);
    return good;
}

/* replaceText(column, from, to): both literally, `from` not empty. */
static JSValue text_replace(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Replacement it = {0};
    JSValue result = JS_EXCEPTION;
    if ((it.from = utf8_of(argv[1], &it.from_size)) && (it.to = utf8_of(argv[2], &it.to_size)))
        result = each_text(argv[0], replace, &it);
    JS_FreeCString(js, it.from);
    JS_FreeCString(js, it.to);
    return result;
}

static bool affix(Builder *into, const uint8_t *bytes, size_t size, void *argument)
{
    const Replacement *it = argument;
    if (it->from_size && !builder_bytes(into, it->from, it->from_size))
        return false;
    uint32_t rows = into->rows - (it->from_size != 0);
    if (!builder_bytes(into, bytes, size) || (it->to_size && !builder_bytes(into, it->to, it->to_size)))
        return false;
    /* The pieces are one entry. */
    into->offsets[rows + 1] = into->size;
    if (into->nulls)
        into->nulls[rows] = 0;
    into->rows = rows + 1;
    return true;
}

/* affixText(column, before, after) */
static JSValue text_affix(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Replacement it = {0};
    JSValue result = JS_EXCEPTION;
    if ((it.from = utf8_of(argv[1], &it.from_size)) && (it.to = utf8_of(argv[2], &it.to_size)))
        result = each_text(argv[0], affix, &it);
    JS_FreeCString(js, it.from);
    JS_FreeCString(js, it.to);
    return result;
}

typedef struct Slice {
    Method method;
    double start, end;
} Slice;

static size_t slice_position(double position, size_t size)
{
    if (position < 0)
        position = position + size < 0 ? 0 : position + size;
    return position > size ? size : (size_t)position;
}

static bool slice(Builder *into, const uint8_t *bytes, size_t size, void *argument)
{
    Slice *it = argument;
    /* Positions count UTF-16 units, which are bytes in ASCII alone. */
    if (!is_ascii(bytes, size))
        return by_method(into, bytes, size, &it->method);
    size_t start = slice_position(it->start, size), end = slice_position(it->end, size);
    return builder_bytes(into, bytes + start, end > start ? end - start : 0);
}

static JSValue text_slice(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Slice it = {{"slice", argc, argv}, 0, INFINITY};
    if (argc > 0 && !JS_IsUndefined(argv[0]) && JS_ToFloat64(js, &it.start, argv[0]))
        return JS_EXCEPTION;
    if (argc > 1 && !JS_IsUndefined(argv[1]) && JS_ToFloat64(js, &it.end, argv[1]))
        return JS_EXCEPTION;
    it.start = isnan(it.start) ? 0 : trunc(it.start);
    it.end = isnan(it.end) ? 0 : trunc(it.end);
    return each_text(this, slice, &it);
}

/* invokeText(column, name of a method of String, ...arguments) */
static JSValue text_invoke(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(js, argv[1]);
    if (!name)
        return JS_EXCEPTION;
    JSValue result = each_text(argv[0], by_method, &(Method){name, argc - 2, argv + 2});
    JS_FreeCString(js, name);
    return result;
}

enum { MULTIPLY, ADD, ROUND };

static bool calculate(int64_t *number, int operation, int64_t operand)
{
    return operation == MULTIPLY ? !__builtin_mul_overflow(*number, operand, number)
                                 : !__builtin_add_overflow(*number, operand, number);
}

static JSValue number_calculate(JSContext *context, JSValueConst this, int argc, JSValueConst *argv, int operation)
{
    Column *column = column_of(this);
    double real = 0;
    int64_t whole = 0;
    if (!column)
        return JS_EXCEPTION;
    bool is_float = column->type == TYPE_FLOAT64, is_number = is_float || column->type == TYPE_INT64;
    if (!is_number && !column_all_null(column))
        return JS_ThrowTypeError(js, "the column is of type %s, not float64 or int64", type_names[column->type]);
    if (operation != ROUND && is_float && !JS_IsNumber(argv[0]))
        return JS_ThrowTypeError(js, "the operand of a float64 column is a number");
    if (operation != ROUND && is_number && (is_float ? JS_ToFloat64(js, &real, argv[0]) : !to_int64(argv[0], &whole))) {
        exception_at("an int64 column takes whole numbers; use `cast(\"float64\")` before");
        return JS_EXCEPTION;
    }
    JSValue clone = JS_GetPropertyStr(js, this, "clone");
    JSValue result = JS_Call(js, clone, this, 0, NULL);
    JS_FreeValue(js, clone);
    Column *copy = JS_IsException(result) ? NULL : column_of(result);
    if (!copy)
        return JS_EXCEPTION;
    double *reals = (double *)copy->data->bytes;
    int64_t *wholes = (int64_t *)copy->data->bytes;
    for (uint32_t row = 0; is_number && row < copy->rows; row++) {
        if (!is_float) {
            if (operation != ROUND && !column_is_null(copy, row) && !calculate(wholes + row, operation, whole)) {
                JS_ThrowRangeError(js, "the result does not fit into 64 bits");
                exception_in_row(copy->of_chunk, row, new_int64(((int64_t *)column->data->bytes)[row]));
                JS_FreeValue(js, result);
                return JS_EXCEPTION;
            }
        } else if (operation == ROUND) {
            /* Math.round: halves go up, and the sign of zero stays. */
            double down = floor(reals[row]);
            reals[row] = copysign(reals[row] - down >= 0.5 ? down + 1 : down, reals[row]);
        } else {
            reals[row] = operation == MULTIPLY ? reals[row] * real : reals[row] + real;
        }
    }
    return result;
}

static JSValue text_encode(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    String text;
    message_lower(argv[0], &text);
    JSValue bytes = JS_NewUint8ArrayCopy(js, text.len ? text.ptr : (uint8_t *)"", text.len);
    data_migration_string_free(&text);
    return bytes;
}

/* decodeText(bytes, fatal) */
static JSValue text_decode(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    uint8_t *bytes;
    size_t size;
    if (!bytes_of(argv[0], &bytes, &size))
        return JS_EXCEPTION;
    if (JS_ToBool(js, argv[1]) && !is_utf8(bytes, size))
        return JS_ThrowTypeError(js, "the bytes are no UTF-8");
    return JS_NewStringLen(js, size ? (char *)bytes : "", size);
}

static const JSCFunctionListEntry members[] = {
    JS_CFUNC_MAGIC_DEF("lower", 0, text_case, LOWER),
    JS_CFUNC_MAGIC_DEF("upper", 0, text_case, UPPER),
    JS_CFUNC_MAGIC_DEF("trim", 0, text_trim, TRIM_START | TRIM_END),
    JS_CFUNC_MAGIC_DEF("trimStart", 0, text_trim, TRIM_START),
    JS_CFUNC_MAGIC_DEF("trimEnd", 0, text_trim, TRIM_END),
    JS_CFUNC_DEF("slice", 2, text_slice),
    JS_CFUNC_MAGIC_DEF("multiply", 1, number_calculate, MULTIPLY),
    JS_CFUNC_MAGIC_DEF("add", 1, number_calculate, ADD),
    JS_CFUNC_MAGIC_DEF("round", 0, number_calculate, ROUND),
};

/* After column_classes. */
void text_functions(JSValue native)
{
    JSValue prototype = JS_GetPropertyStr(js, native, "columnPrototype");
    JS_SetPropertyFunctionList(js, prototype, members, COUNT(members));
    JS_FreeValue(js, prototype);
    define(native, "replaceText", text_replace, 3);
    define(native, "affixText", text_affix, 3);
    define(native, "invokeText", text_invoke, 2);
    define(native, "encodeText", text_encode, 1);
    define(native, "decodeText", text_decode, 2);
}
