/* The exports of the component. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

JSContext *js;
enum Phase phase;
bool script_runs;
struct Prelude prelude;

void engine_limit_stack(JSRuntime *runtime, size_t size);
void engine_read_dates(JSContext *context, JSValue reader);

/* Calls nest no deeper than this much of the stack in linear memory. A call takes more of the machine's stack, which the
   host limits to 1 MiB: at this depth, some 1,000 plain calls, it takes two thirds of that. */
#define STACK (256 << 10)

static const char prelude_source[] = {
#embed "prelude.js"
    , 0};

void define(JSValue object, const char *name, JSCFunction *function, int length)
{
    JS_SetPropertyStr(js, object, name, JS_NewCFunction(js, function, name, length));
}

static JSValue taken(JSValueConst hooks, const char *name)
{
    return JS_GetPropertyStr(js, hooks, name);
}

/* register(hooks): what prelude.js hands over. */
static JSValue register_hooks(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    prelude.make_batch = taken(argv[0], "makeBatch");
    prelude.dump_batch = taken(argv[0], "dumpBatch");
    prelude.describe_error = taken(argv[0], "describeError");
    prelude.coerce = taken(argv[0], "coerce");
    prelude.coerce_parameter = taken(argv[0], "coerceParameter");
    prelude.value_type = taken(argv[0], "valueType");
    prelude.read_description = taken(argv[0], "readDescription");
    prelude.runner_error = taken(argv[0], "hostError");
    prelude.ran_through = taken(argv[0], "ranThrough");
    engine_read_dates(context, taken(argv[0], "readDate"));
    prelude.context = taken(argv[0], "context");
    JSValue prototypes = taken(argv[0], "prototypes"), type = taken(argv[0], "type");
    for (int i = 0; i < TYPE_COUNT; i++)
        prelude.prototypes[i] = JS_GetPropertyUint32(js, prototypes, i);
    prelude.type = JS_ValueToAtom(js, type);
    JS_FreeValue(js, prototypes);
    JS_FreeValue(js, type);
    return JS_UNDEFINED;
}

static bool start_interpreter(void)
{
    JSRuntime *runtime = JS_NewRuntime();
    if (!runtime || !(js = JS_NewContext(runtime)))
        __builtin_trap();
    engine_limit_stack(runtime, STACK);
    JSValue global = JS_GetGlobalObject(js), native = JS_NewObject(js);
    engine_watch(runtime);
    column_classes(native);
    text_functions(native);
    row_functions(native);
    error_functions(native);
    database_functions(native);
    schema_functions(native);
    context_functions(native);
    module_functions(native);
    library_functions(native);
    native_functions(native);
    define(native, "register", register_hooks, 1);
    JS_SetPropertyStr(js, global, "__runner", native);
    JS_FreeValue(js, global);
    JSValue result = settle(JS_Eval(js, prelude_source, sizeof prelude_source - 1, "runner-guest", JS_EVAL_TYPE_MODULE));
    bool good = !JS_IsException(result);
    JS_FreeValue(js, result);
    return good;
}

/* Starts the interpreter and loads the script, once per instance. Later calls repeat its failure. */
static bool start(enum Phase now, Error *error)
{
    static enum { NEW, READY, FAILED } state;
    static String failure;
    phase = now;
    if (state == READY) {
        forget_exceptions();
        engine_watch(JS_GetRuntime(js));
        return true;
    }
    if (state == NEW && start_interpreter() && (script_runs = true) && load_script()) {
        state = READY;
        return true;
    }
    *error = (Error){.kind = RUNNER_MIGRATION_TYPES_ERROR_KIND_FAILED};
    if (state == NEW) {
        error_of_exception(error);
        data_migration_string_dup_n(&failure, (char *)error->message.ptr, error->message.len);
    } else {
        data_migration_string_dup_n(&error->message, (char *)failure.ptr, failure.len);
    }
    state = FAILED;
    return false;
}

/* The error in one text, as the host would write it. */
static void one_text(Error *error, String *text)
{
    const String *detail = error->detail.is_some ? &error->detail.val : &(String){0};
    size_t size = error->message.len + detail->len + error->code.len + 8;
    text->ptr = malloc(size);
    text->len = snprintf((char *)text->ptr, size, "%.*s%s%.*s%s%s%.*s%s", (int)error->message.len, error->message.ptr,
                         detail->len ? " (" : "", (int)detail->len, detail->ptr, detail->len ? ")" : "",
                         error->code.len ? " [" : "", (int)error->code.len, error->code.ptr, error->code.len ? "]" : "");
    runner_migration_types_error_free(error);
}

/* `describe` has no way to return an error. */
static _Noreturn void fail_to_describe(Error *error)
{
    String text;
    one_text(error, &text);
    runner_migration_process_abort(&text);
    __builtin_trap();
}

static void string_at(JSValueConst array, uint32_t index, String *into)
{
    JSValue value = JS_GetPropertyUint32(js, array, index);
    message_lower(value, into);
    JS_FreeValue(js, value);
}

static int32_t number_at(JSValueConst array, uint32_t index)
{
    int32_t number = 0;
    JSValue value = JS_GetPropertyUint32(js, array, index);
    JS_ToInt32(js, &number, value);
    JS_FreeValue(js, value);
    return number;
}

static size_t length_of(JSValueConst array)
{
    int64_t length = 0;
    JS_GetLength(js, array, &length);
    return length;
}

static void strings_at(JSValueConst array, uint32_t index, data_migration_list_string_t *into)
{
    JSValue strings = JS_GetPropertyUint32(js, array, index);
    into->len = length_of(strings);
    into->ptr = calloc(into->len + 1, sizeof *into->ptr);
    for (size_t i = 0; i < into->len; i++)
        string_at(strings, i, into->ptr + i);
    JS_FreeValue(js, strings);
}

/* parts: [tag], [tag, verb, schema or null, table, columns], [tag, name] or [tag, limit, least value]. */
static void need_of(JSValueConst parts, runner_migration_description_types_need_t *into)
{
    into->tag = number_at(parts, 0);
    if (into->tag == RUNNER_MIGRATION_DESCRIPTION_TYPES_NEED_TABLE) {
        runner_migration_description_types_table_need_t *need = &into->val.table;
        JSValue schema = JS_GetPropertyUint32(js, parts, 2);
        need->verb = number_at(parts, 1);
        need->table.schema.is_some = !JS_IsNull(schema);
        if (need->table.schema.is_some)
            string_at(parts, 2, &need->table.schema.val);
        JS_FreeValue(js, schema);
        string_at(parts, 3, &need->table.name);
        strings_at(parts, 4, &need->columns);
    } else if (into->tag == RUNNER_MIGRATION_DESCRIPTION_TYPES_NEED_FUNCTION) {
        string_at(parts, 1, &into->val.function);
    } else if (into->tag == RUNNER_MIGRATION_DESCRIPTION_TYPES_NEED_LIMIT) {
        int64_t least = 0;
        JSValue value = JS_GetPropertyUint32(js, parts, 2);
        JS_ToInt64(js, &least, value);
        JS_FreeValue(js, value);
        into->val.limit.limit = number_at(parts, 1);
        into->val.limit.at_least = least;
    }
}

/* parts: [summary, depends on, mode, dialects, irreversible, needs], checked by the prelude. */
static void description_of(JSValueConst parts, data_migration_description_t *into)
{
    JSValue dialects = JS_GetPropertyUint32(js, parts, 3), needs = JS_GetPropertyUint32(js, parts, 5);
    *into = (data_migration_description_t){.mode = number_at(parts, 2), .irreversible = number_at(parts, 4)};
    string_at(parts, 0, &into->summary);
    strings_at(parts, 1, &into->depends_on);
    into->dialects.len = length_of(dialects);
    into->dialects.ptr = calloc(into->dialects.len + 1, sizeof *into->dialects.ptr);
    for (size_t i = 0; i < into->dialects.len; i++)
        into->dialects.ptr[i] = number_at(dialects, i);
    into->needs.len = length_of(needs);
    into->needs.ptr = calloc(into->needs.len + 1, sizeof *into->needs.ptr);
    for (size_t i = 0; i < into->needs.len; i++) {
        JSValue need = JS_GetPropertyUint32(js, needs, i);
        need_of(need, into->needs.ptr + i);
        JS_FreeValue(js, need);
    }
    JS_FreeValue(js, dialects);
    JS_FreeValue(js, needs);
}

void exports_data_migration_describe(data_migration_description_t *description)
{
    Error error;
    if (!start(PHASE_DESCRIBE, &error))
        fail_to_describe(&error);
    JSValue parts = settle(JS_Call(js, prelude.read_description, JS_UNDEFINED, 0, NULL));
    if (JS_IsException(parts)) {
        error_of_exception(&error);
        fail_to_describe(&error);
    }
    description_of(parts, description);
    JS_FreeValue(js, parts);
}

/* Calls an exported function with an argument, or none (undefined), and the context. It must not return what has yet to run. */
static JSValue call(const char *name, JSValueConst argument)
{
    JSValue function = script_function(name), arguments[2];
    if (JS_IsException(function))
        return function;
    if (JS_IsUndefined(function))
        return JS_ThrowTypeError(js, "the script exports no function `%.100s`", name);
    int count = 0;
    if (!JS_IsUndefined(argument))
        arguments[count++] = argument;
    arguments[count++] = prelude.context;
    JSValue result = settle(JS_Call(js, function, JS_UNDEFINED, count, arguments));
    JS_FreeValue(js, function);
    if (!JS_IsObject(result))
        return result;
    JSValue given[2] = {JS_NewString(js, name), result};
    result = JS_Call(js, prelude.ran_through, JS_UNDEFINED, 2, given);
    JS_FreeValue(js, given[0]);
    JS_FreeValue(js, given[1]);
    return result;
}

static bool migrate(const char *name, Error *error)
{
    if (!start(PHASE_MIGRATE, error))
        return false;
    JSValue result = call(name, JS_UNDEFINED);
    bool good = !JS_IsException(result);
    if (!good)
        error_of_exception(error);
    JS_FreeValue(js, result);
    /* Readers that the script has dropped in cycles are closed before the host looks. */
    JS_RunGC(JS_GetRuntime(js));
    return good;
}

bool exports_data_migration_upgrade(data_migration_error_t *error)
{
    return migrate("upgrade", error);
}

bool exports_data_migration_downgrade(data_migration_error_t *error)
{
    return migrate("downgrade", error);
}

bool exports_runner_migration_transformer_transform_batch(String *name, Batch *rows, Batch *into, String *failure)
{
    Error error;
    char function[128];
    snprintf(function, sizeof function, "%.*s", (int)name->len, (const char *)name->ptr);
    data_migration_string_free(name);
    if (!start(PHASE_TRANSFORM, &error)) {
        one_text(&error, failure);
        return false;
    }
    JSValue batch = batch_lift(rows);
    in_batch_function = true;
    JSValue result = JS_IsException(batch) ? batch : call(function, batch);
    in_batch_function = false;
    JS_FreeValue(js, batch);
    bool good = !JS_IsException(result);
    if (good && JS_IsUndefined(result)) {
        JS_ThrowTypeError(js, "`%s` returned undefined: a batch function returns the batch", function);
        good = false;
    }
    good = good && batch_lower(result, into, true);
    if (!good) {
        error_of_exception(&error);
        one_text(&error, failure);
    }
    JS_FreeValue(js, result);
    /* The memory of columns does not count for the collector, and must not pile up in cycles from chunk to chunk. */
    JS_RunGC(JS_GetRuntime(js));
    return good;
}
