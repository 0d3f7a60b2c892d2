/* The interface `context`: what a script knows about its run. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

int64_t clock_nanoseconds;

/* The clock stands at the time of the run. While the migration is described, the host answers as well, and asks again for the description
   if something wanted to know. So only the script may ask. */
void start_clock(void)
{
    if (clock_nanoseconds)
        return;
    int64_t microseconds = runner_migration_context_run_timestamp();
    if (__builtin_mul_overflow(microseconds, (int64_t)1000, &clock_nanoseconds))
        clock_nanoseconds = microseconds < 0 ? INT64_MIN : INT64_MAX;
}

/* Everything but assets and the log needs a run. The host would end the instance, without saying where. */
static bool in_a_run(const char *what)
{
    if (phase == PHASE_DESCRIBE)
        JS_ThrowTypeError(js,
                          "`%s` is not known while the script is loaded for its description; use it inside of `upgrade`, "
                          "`downgrade` or a batch function",
                          what);
    return phase != PHASE_DESCRIBE;
}

static JSValue get_dialect(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    static const char *const names[] = {"sqlite", "postgres", "mysql", "mariadb"};
    return in_a_run("db.dialect") ? JS_NewString(js, names[runner_migration_context_get_dialect()]) : JS_EXCEPTION;
}

static JSValue get_version(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    String version;
    if (!in_a_run("db.serverVersion"))
        return JS_EXCEPTION;
    runner_migration_context_server_version(&version);
    JSValue result = string_lift(&version);
    data_migration_string_free(&version);
    return result;
}

/* All parameters as an object without a prototype. */
static JSValue get_parameters(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    runner_migration_context_list_parameter_t list;
    if (!in_a_run("parameters"))
        return JS_EXCEPTION;
    runner_migration_context_parameters(&list);
    JSValue object = JS_NewObjectProto(js, JS_NULL);
    for (size_t i = 0; i < list.len && !JS_IsException(object); i++) {
        JSAtom name = JS_NewAtomLen(js, (const char *)list.ptr[i].name.ptr, list.ptr[i].name.len);
        JSValue value = value_lift((Value *)&list.ptr[i].value);
        if (JS_IsException(value) || JS_DefinePropertyValue(js, object, name, value, JS_PROP_ENUMERABLE) < 0) {
            JS_FreeValue(js, object);
            object = JS_EXCEPTION;
        }
        JS_FreeAtom(js, name);
    }
    runner_migration_context_list_parameter_free(&list);
    return object;
}

static JSValue get_run_timestamp(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    if (!in_a_run("runTimestamp"))
        return JS_EXCEPTION;
    return new_typed(TYPE_TIMESTAMPTZ, JS_NewBigInt64(js, runner_migration_context_run_timestamp()), NULL, 0);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static uint64_t seed(void)
{
    static bool known;
    static uint64_t value;
    if (!known)
        value = runner_migration_context_seed();
    known = true;
    return value;
}

static double unit_interval(uint64_t bits)
{
    return (bits >> 11) * 0x1p-53;
}

static JSValue get_seed(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    return in_a_run("seed") ? JS_NewBigUint64(js, seed()) : JS_EXCEPTION;
}

/* Set around a batch function. */
bool in_batch_function;

/* The next of the run's random numbers, by SplitMix64 from its seed; false and an exception in a batch function. */
static bool draw(const char *what, uint64_t *bits)
{
    static uint64_t state;
    static bool started;
    if (in_batch_function) {
        JS_ThrowTypeError(js,
                          "%s in a batch function depends on how rows are split into batches; use random(key) of runner-guest, with the "
                          "row's key",
                          what);
        return false;
    }
    if (!started)
        state = seed();
    started = true;
    *bits = mix(state += 0x9e3779b97f4a7c15);
    return true;
}

/* Math.random */
static JSValue random_next(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    uint64_t bits;
    return draw("Math.random()", &bits) ? JS_NewFloat64(js, unit_interval(bits)) : JS_EXCEPTION;
}

/* randomBytes(array, what asks for them): fills the array. */
static JSValue random_bytes(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    uint8_t *bytes;
    size_t size;
    uint64_t bits = 0;
    const char *what = JS_ToCString(js, argv[1]);
    bool good = what && bytes_of(argv[0], &bytes, &size);
    for (size_t i = 0; good && i < size; i++, bits >>= 8)
        if ((good = i % 8 || draw(what, &bits)))
            bytes[i] = bits;
    JS_FreeCString(js, what);
    return good ? JS_UNDEFINED : JS_EXCEPTION;
}

/* random(key): FNV-1a of the key's text, mixed with the seed. */
static JSValue random_of(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t size;
    if (!in_a_run("random()"))
        return JS_EXCEPTION;
    const char *key = utf8_of(argv[0], &size);
    if (!key)
        return JS_EXCEPTION;
    uint64_t hash = 0xcbf29ce484222325 ^ seed();
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)key[i]) * 0x100000001b3;
    JS_FreeCString(js, key);
    return JS_NewFloat64(js, unit_interval(mix(hash + 0x9e3779b97f4a7c15)));
}

/* log(level, message) */
static JSValue log_message(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    int32_t level;
    String message;
    if (JS_ToInt32(js, &level, argv[0]))
        return JS_EXCEPTION;
    message_lower(argv[1], &message);
    runner_migration_context_log(level, &message);
    data_migration_string_free(&message);
    return JS_UNDEFINED;
}

static bool count_of(JSValueConst value, uint64_t *count)
{
    int64_t number;
    if (!to_int64(value, &number))
        return false;
    if (number < 0)
        JS_ThrowRangeError(js, "progress counts from 0");
    *count = number;
    return number >= 0;
}

/* progress(done, total or null, unit) */
static JSValue report_progress(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    uint64_t done, total;
    String unit;
    bool has_total = !JS_IsNull(argv[1]) && !JS_IsUndefined(argv[1]);
    if (!count_of(argv[0], &done) || (has_total && !count_of(argv[1], &total)) || !string_lower(argv[2], &unit))
        return JS_EXCEPTION;
    runner_migration_context_progress(done, has_total ? &total : NULL, &unit);
    data_migration_string_free(&unit);
    return JS_UNDEFINED;
}

typedef struct Asset {
    bool open;
    runner_migration_context_own_asset_t handle;
} Asset;

static JSClassID asset_class;

static void asset_finalizer(JSRuntime *runtime, JSValueConst object)
{
    Asset *asset = JS_GetOpaque(object, asset_class);
    if (asset && asset->open)
        runner_migration_context_asset_drop_own(asset->handle);
    free(asset);
}

static const JSClassDef asset_definition = {"Asset", .finalizer = asset_finalizer};

static bool open_path(const char *path, runner_migration_context_own_asset_t *handle)
{
    String name;
    Error error;
    data_migration_string_dup(&name, path);
    bool good = runner_migration_context_open_asset(&name, handle, &error);
    data_migration_string_free(&name);
    if (!good)
        throw_error(&error);
    return good;
}

/* The content of an asset with a zero at its end; NULL and an exception on failure. */
char *asset_content(const char *path, size_t *size)
{
    runner_migration_context_own_asset_t handle;
    Error error;
    if (!open_path(path, &handle))
        return NULL;
    runner_migration_context_borrow_asset_t asset = runner_migration_context_borrow_asset(handle);
    uint64_t expected = runner_migration_context_method_asset_size(asset);
    size_t capacity = expected < (64 << 20) ? expected + 1 : 64 << 20;
    char *content = malloc(capacity);
    bool good = content;
    *size = 0;
    if (!good)
        JS_ThrowOutOfMemory(js);
    while (good) {
        data_migration_list_u8_t bytes;
        if (!(good = runner_migration_context_method_asset_read(asset, 256 << 10, &bytes, &error))) {
            throw_error(&error);
            break;
        }
        if (!bytes.len)
            break;
        if (*size + bytes.len + 1 > capacity) {
            char *grown = realloc(content, capacity = 2 * capacity + bytes.len);
            if (!(good = grown))
                JS_ThrowOutOfMemory(js);
            else
                content = grown;
        }
        if (good)
            memcpy(content + *size, bytes.ptr, bytes.len);
        *size += bytes.len;
        data_migration_list_u8_free(&bytes);
    }
    runner_migration_context_asset_drop_own(handle);
    if (!good) {
        free(content);
        return NULL;
    }
    content[*size] = 0;
    return content;
}

/* The bytes of the mark that some editors write before a text, and that is no part of it. */
size_t byte_order_mark(const char *content, size_t size)
{
    return size >= 3 && memcmp(content, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* readAsset(path, as text) */
static JSValue asset_whole(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t size;
    const char *path = utf8_of(argv[0], &size);
    char *content = path ? asset_content(path, &size) : NULL;
    JSValue result = JS_EXCEPTION;
    if (content && !JS_ToBool(js, argv[1]))
        result = JS_NewUint8ArrayCopy(js, (uint8_t *)content, size);
    else if (content && !is_utf8((uint8_t *)content, size))
        JS_ThrowTypeError(js, "asset `%.200s` is not UTF-8", path);
    else if (content) {
        size_t mark = byte_order_mark(content, size);
        result = JS_NewStringLen(js, content + mark, size - mark);
    }
    free(content);
    JS_FreeCString(js, path);
    return result;
}

static JSValue asset_open(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t size;
    const char *path = utf8_of(argv[0], &size);
    Asset *asset = path ? calloc(1, sizeof *asset) : NULL;
    JSValue object = JS_EXCEPTION;
    if (path && !asset)
        JS_ThrowOutOfMemory(js);
    if (asset && open_path(path, &asset->handle)) {
        asset->open = true;
        object = JS_NewObjectClass(js, asset_class);
        if (JS_IsException(object))
            runner_migration_context_asset_drop_own(asset->handle);
        else
            JS_SetOpaque(object, asset);
    }
    if (JS_IsException(object))
        free(asset);
    JS_FreeCString(js, path);
    return object;
}

static JSValue asset_size(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Asset *asset = JS_GetOpaque2(js, argv[0], asset_class);
    if (!asset || !asset->open)
        return asset ? JS_ThrowTypeError(js, "the asset is closed") : JS_EXCEPTION;
    return new_int64(runner_migration_context_method_asset_size(runner_migration_context_borrow_asset(asset->handle)));
}

/* assetRead(asset, limit): a Uint8Array, or null at the end, which closes the asset. */
static JSValue asset_read(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Asset *asset = JS_GetOpaque2(js, argv[0], asset_class);
    uint32_t limit;
    data_migration_list_u8_t bytes;
    Error error;
    if (!asset || JS_ToUint32(js, &limit, argv[1]))
        return JS_EXCEPTION;
    if (!asset->open)
        return JS_NULL;
    runner_migration_context_borrow_asset_t borrowed = runner_migration_context_borrow_asset(asset->handle);
    if (!runner_migration_context_method_asset_read(borrowed, limit, &bytes, &error))
        return throw_error(&error);
    JSValue result = bytes.len ? JS_NewUint8ArrayCopy(js, bytes.ptr, bytes.len) : JS_NULL;
    data_migration_list_u8_free(&bytes);
    if (JS_IsNull(result)) {
        asset->open = false;
        runner_migration_context_asset_drop_own(asset->handle);
    }
    return result;
}

void context_functions(JSValue native)
{
    JS_NewClassID(JS_GetRuntime(js), &asset_class);
    JS_NewClass(JS_GetRuntime(js), asset_class, &asset_definition);
    define(native, "dialect", get_dialect, 0);
    define(native, "serverVersion", get_version, 0);
    define(native, "parameters", get_parameters, 0);
    define(native, "runTimestamp", get_run_timestamp, 0);
    define(native, "seed", get_seed, 0);
    define(native, "random", random_next, 0);
    define(native, "randomBytes", random_bytes, 2);
    define(native, "randomOf", random_of, 1);
    define(native, "log", log_message, 2);
    define(native, "progress", report_progress, 3);
    define(native, "readAsset", asset_whole, 2);
    define(native, "openAsset", asset_open, 1);
    define(native, "assetSize", asset_size, 1);
    define(native, "assetRead", asset_read, 2);
}
