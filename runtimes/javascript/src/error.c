/* Errors of the host as exceptions, and exceptions as errors of the migration. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

/* Throws a RunnerError; takes the error. */
JSValue throw_error(Error *error)
{
    JSValue arguments[4] = {
        string_lift(&error->message),
        JS_NewInt32(js, error->kind),
        string_lift(&error->code),
        error->detail.is_some ? string_lift(&error->detail.val) : JS_NULL,
    };
    runner_migration_types_error_free(error);
    JSValue object = JS_Call(js, prelude.runner_error, JS_UNDEFINED, 4, arguments);
    for (int i = 0; i < 4; i++)
        JS_FreeValue(js, arguments[i]);
    return JS_IsException(object) ? object : JS_Throw(js, object);
}

void exception_at(const char *format, ...)
{
    char place[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(place, sizeof place, format, arguments);
    va_end(arguments);
    JSValue exception = JS_GetException(js);
    if (JS_IsError(exception)) {
        JSValue message = JS_GetPropertyStr(js, exception, "message");
        const char *text = JS_ToCString(js, message);
        size_t size = strlen(place) + (text ? strlen(text) : 0) + 3;
        char *longer = malloc(size);
        if (text && longer) {
            snprintf(longer, size, "%s: %s", place, text);
            JS_DefinePropertyValueStr(js, exception, "message", JS_NewString(js, longer),
                                      JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE);
        }
        free(longer);
        JS_FreeCString(js, text);
        JS_FreeValue(js, message);
    }
    JS_Throw(js, exception);
}

/* The last exception that was thrown for a row, the row's position in the chunk or -1, and what it holds. */
static struct {
    JSValue exception, holds;
    int64_t row;
} failed = {JS_UNDEFINED, JS_UNDEFINED, -1};

void forget_exceptions(void)
{
    JS_FreeValue(js, failed.exception);
    JS_FreeValue(js, failed.holds);
    failed.exception = failed.holds = JS_UNDEFINED;
    JS_FreeValue(js, engine_take_stack(js));
}

void exception_in_row(bool of_chunk, uint32_t row, JSValue holds)
{
    JSValue exception = JS_GetException(js);
    /* Inside of a row of the chunk, rows of other batches say less. */
    if (of_chunk || failed.row < 0 || !JS_IsStrictEqual(js, exception, failed.exception)) {
        JS_FreeValue(js, failed.exception);
        JS_FreeValue(js, failed.holds);
        failed.exception = JS_DupValue(js, exception);
        failed.holds = JS_IsException(holds) ? JS_UNDEFINED : JS_DupValue(js, holds);
        failed.row = of_chunk ? (int64_t)row : -1;
    }
    JS_FreeValue(js, holds);
    JS_Throw(js, exception);
}

void refuse_promise(JSValueConst result)
{
    if (!JS_IsPromise(result))
        return;
    JS_FreeValue(js, JS_GetException(js));
    JS_ThrowTypeError(js, "the function for rows is `async`, and nothing awaits it: write it without `async`");
}

/* rowOf(exception): [position in the chunk or -1, what it holds], or undefined if it was not thrown for a row. */
static JSValue row_of_exception(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    if (JS_IsUndefined(argv[0]) || !JS_IsStrictEqual(js, argv[0], failed.exception))
        return JS_UNDEFINED;
    JSValue found = JS_NewArray(js);
    JS_SetPropertyUint32(js, found, 0, JS_NewInt64(js, failed.row));
    JS_SetPropertyUint32(js, found, 1, JS_DupValue(js, failed.holds));
    return found;
}

static JSValue thrown_at(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    return engine_take_stack(js);
}

void error_functions(JSValue native)
{
    define(native, "rowOf", row_of_exception, 1);
    define(native, "thrownAt", thrown_at, 0);
}

static void fixed_message(Error *error, JSValueConst exception)
{
    const char *text = JS_ToCString(js, exception);
    error->kind = RUNNER_MIGRATION_TYPES_ERROR_KIND_FAILED;
    data_migration_string_dup(&error->message, text ? text : "the script failed, and its error cannot be shown");
    data_migration_string_dup(&error->code, "");
    JS_FreeCString(js, text);
}

static void element(JSValueConst array, uint32_t index, String *into)
{
    JSValue value = JS_GetPropertyUint32(js, array, index);
    message_lower(value, into);
    JS_FreeValue(js, value);
}

/* Takes the pending exception. */
void error_of_exception(Error *error)
{
    *error = (Error){0};
    JSValue exception = JS_GetException(js);
    JSValue parts = JS_UNDEFINED;
    if (JS_IsFunction(js, prelude.describe_error))
        parts = JS_Call(js, prelude.describe_error, JS_UNDEFINED, 1, &exception);
    if (JS_IsArray(parts)) {
        /* [kind, code, message, detail or null] */
        JSValue kind = JS_GetPropertyUint32(js, parts, 0), detail = JS_GetPropertyUint32(js, parts, 3);
        int32_t number = RUNNER_MIGRATION_TYPES_ERROR_KIND_FAILED;
        JS_ToInt32(js, &number, kind);
        error->kind = number;
        element(parts, 1, &error->code);
        element(parts, 2, &error->message);
        if ((error->detail.is_some = !JS_IsNull(detail)))
            message_lower(detail, &error->detail.val);
        JS_FreeValue(js, kind);
        JS_FreeValue(js, detail);
    } else {
        /* There is no memory left to describe it, or the prelude itself failed. */
        JS_FreeValue(js, JS_GetException(js));
        fixed_message(error, exception);
    }
    JS_FreeValue(js, parts);
    JS_FreeValue(js, exception);
}
