/* The script's modules: its own source, and files of its directory, all read as assets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

/* The script's path as its author knows it, and the directory of its further files, with a `/` at the end. */
static char *script_path, *directory;
static JSModuleDef *script;

static bool is_relative(const char *path)
{
    return strncmp(path, "./", 2) == 0 || strncmp(path, "../", 3) == 0;
}

/* Joins a directory (empty, or with a `/` at its end) and a relative path, and resolves `.` and `..`; NULL if it leads
   out, or there is no memory. */
static char *join(const char *base, size_t base_size, const char *path)
{
    char *joined = malloc(base_size + strlen(path) + 1);
    if (!joined)
        return NULL;
    memcpy(joined, base, base_size);
    size_t size = base_size;
    while (*path) {
        size_t length = strcspn(path, "/");
        bool last = !path[length];
        if (length == 2 && path[0] == '.' && path[1] == '.') {
            if (!size) {
                free(joined);
                return NULL;
            }
            for (size--; size && joined[size - 1] != '/';)
                size--;
        } else if (length && !(length == 1 && path[0] == '.')) {
            memcpy(joined + size, path, length);
            size += length;
            if (!last)
                joined[size++] = '/';
        }
        path += length + !last;
    }
    joined[size] = 0;
    return joined;
}

static size_t directory_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash - path + 1 : 0;
}

/* The path of a module among the assets; NULL if it is not in the script's directory. */
static const char *asset_path(const char *module)
{
    size_t size = strlen(directory);
    return strncmp(module, directory, size) == 0 && module[size] ? module + size : NULL;
}

static bool asset_exists(const char *path)
{
    String name;
    Error error;
    runner_migration_context_own_asset_t asset;
    data_migration_string_dup(&name, path);
    bool found = runner_migration_context_open_asset(&name, &asset, &error);
    if (found)
        runner_migration_context_asset_drop_own(asset);
    else
        runner_migration_types_error_free(&error);
    data_migration_string_free(&name);
    return found;
}

/* A package by its name: one of the files that it may be, by hand or as `runner build` made it. */
static char *find_package(const char *name)
{
#ifdef TYPESCRIPT
    static const char *const endings[] = {"", ".ts", ".js", ".mjs", "/index.ts", "/index.js"};
#else
    static const char *const endings[] = {"", ".js", ".mjs", "/index.js"};
#endif
    static const char *const places[] = {"", "vendor/"};
    /* `punycode/` is the package, and not the module of Node.js. */
    size_t size = strlen(name);
    bool is_package = size && name[size - 1] == '/';
    for (int i = 0; i < COUNT(places) * COUNT(endings); i++) {
        char path[1024];
        const char *place = places[i / COUNT(endings)], *ending = endings[i % COUNT(endings)];
        if (snprintf(path, sizeof path, "%s%.*s%s", place, (int)(size - is_package), name, ending) < (int)sizeof path && asset_exists(path))
            return join(directory, strlen(directory), path);
    }
    if (node_library(name))
        return strdup(node_library(name));
    JS_ThrowReferenceError(js, "there is no module `%.200s`: besides `runner-guest`, there are the files in `%.300s`", name,
                           directory);
    return NULL;
}

#ifdef TYPESCRIPT
static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size > end_size && strcmp(text + size - end_size, end) == 0;
}

/* A module in TypeScript may be imported as `rules.ts`, as `rules`, and as the `rules.js` that a compiler would write. Takes
   the path. */
static char *find_typescript(char *path)
{
    if (!path || !asset_path(path) || asset_exists(asset_path(path)))
        return path;
    size_t size = strlen(path);
    char *found = malloc(size + 4);
    if (!found)
        return path;
    memcpy(found, path, size + 1);
    strcpy(found + (ends_with(path, ".js") ? size - 3 : size), ".ts");
    bool exists = asset_exists(asset_path(found));
    free(exists ? path : found);
    return exists ? found : path;
}
#endif

static char *normalize(JSContext *context, const char *base, const char *name, void *opaque)
{
    char *found = NULL;
    if (strcmp(name, "runner-guest") == 0) {
        found = strdup(name);
    } else if (strncmp(name, "node:", 5) == 0 && node_library(name)) {
        found = strdup(name);
    } else if (is_relative(name)) {
        found = join(base, directory_size(base), name);
        /* The script's own directory may be left out, in the script itself. */
        if (found && !asset_path(found) && strcmp(base, script_path) == 0) {
            free(found);
            found = strncmp(name, "../", 3) ? join(directory, strlen(directory), name) : NULL;
        }
        if (!found || !asset_path(found)) {
            free(found);
            JS_ThrowReferenceError(js, "`%.200s` cannot be imported: it is not in `%.300s`", name, directory);
            return NULL;
        }
#ifdef TYPESCRIPT
        found = find_typescript(found);
#endif
    } else {
        found = find_package(name);
    }
    char *result = found ? js_strdup(context, found) : NULL;
    if (!result && !JS_HasException(js))
        JS_ThrowOutOfMemory(js);
    free(found);
    return result;
}

static int export_json(JSContext *context, JSModuleDef *module)
{
    return JS_SetModuleExport(context, module, "default", JS_GetModulePrivateValue(context, module));
}

static JSModuleDef *json_module(const char *name, JSValue value)
{
    JSModuleDef *module = JS_NewCModule(js, name, export_json);
    if (!module || JS_AddModuleExport(js, module, "default") || JS_SetModulePrivateValue(js, module, value))
        return NULL;
    return module;
}

static JSModuleDef *load(JSContext *context, const char *name, void *opaque, JSValueConst attributes)
{
    if (strncmp(name, "node:", 5) == 0 && node_library(name))
        return library_module(name);
    const char *path = asset_path(name);
    size_t size, length = strlen(name);
    char *source = path ? asset_content(path, &size) : NULL;
    if (!source) {
        if (JS_HasException(js))
            exception_at("cannot import `%.200s`", name);
        return NULL;
    }
    JSModuleDef *module = NULL;
    if (!is_utf8((uint8_t *)source, size)) {
        JS_ThrowSyntaxError(js, "`%.200s` is not UTF-8", name);
    } else if (length > 5 && strcmp(name + length - 5, ".json") == 0) {
        size_t mark = byte_order_mark(source, size);
        JSValue value = JS_ParseJSON(js, source + mark, size - mark, name);
        if (!JS_IsException(value))
            module = json_module(name, value);
    } else {
#ifdef TYPESCRIPT
        if (ends_with(name, ".ts") && !(source = types_stripped(source, &size, name)))
            return NULL;
#endif
        JSValue code = JS_Eval(js, source, size, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
        if (!JS_IsException(code))
            module = JS_VALUE_GET_PTR(code);
        JS_FreeValue(js, code);
    }
    free(source);
    return module;
}

/* Promises that were rejected while nothing waited for them. */
static JSValue *unhandled;
static uint32_t unhandled_count;

static void track_rejection(JSContext *context, JSValueConst promise, JSValueConst reason, bool handled, void *opaque)
{
    if (handled) {
        for (uint32_t i = 0; i < unhandled_count; i++)
            if (JS_IsStrictEqual(js, unhandled[i], promise)) {
                JS_FreeValue(js, unhandled[i]);
                unhandled[i] = unhandled[--unhandled_count];
                return;
            }
        return;
    }
    JSValue *more = realloc(unhandled, (unhandled_count + 1) * sizeof *more);
    if (!more)
        return;
    unhandled = more;
    unhandled[unhandled_count++] = JS_DupValue(js, promise);
}

/* Runs what was put off, and returns what a promise became. Takes the result. */
JSValue settle(JSValue result)
{
    JSContext *context;
    int ran = 1;
    while (ran > 0)
        ran = JS_ExecutePendingJob(JS_GetRuntime(js), &context);
    if (JS_IsPromise(result)) {
        JSPromiseStateEnum state = JS_PromiseState(js, result);
        JSValue value = state == JS_PROMISE_PENDING ? JS_UNDEFINED : JS_PromiseResult(js, result);
        if (state == JS_PROMISE_REJECTED)
            track_rejection(js, result, JS_UNDEFINED, true, NULL);
        JS_FreeValue(js, result);
        result = state == JS_PROMISE_FULFILLED ? value
                 : state == JS_PROMISE_REJECTED
                     ? JS_Throw(js, value)
                     : JS_ThrowTypeError(js, "the function awaits a promise that nothing will ever resolve");
    }
    JSValue reason = JS_UNDEFINED;
    if (unhandled_count)
        reason = JS_PromiseResult(js, unhandled[0]);
    while (unhandled_count)
        JS_FreeValue(js, unhandled[--unhandled_count]);
    if (JS_IsUndefined(reason) || JS_IsException(result)) {
        JS_FreeValue(js, reason);
        return result;
    }
    JS_FreeValue(js, result);
    return JS_Throw(js, reason);
}

static char *text_asset(const char *path, size_t *size)
{
    char *content = asset_content(path, size);
    if (content && !is_utf8((uint8_t *)content, *size)) {
        JS_ThrowSyntaxError(js, "the script is not UTF-8");
        free(content);
        return NULL;
    }
    return content;
}

/* Reads and evaluates the script. */
bool load_script(void)
{
    size_t size;
    if (!(script_path = text_asset(":name", &size)))
        return false;
    size_t stem = strlen(script_path), start = directory_size(script_path);
    const char *dot = strrchr(script_path + start, '.');
    if (dot && dot > script_path + start)
        stem = dot - script_path;
    if (!(directory = malloc(stem + 2)))
        return JS_ThrowOutOfMemory(js), false;
    memcpy(directory, script_path, stem);
    strcpy(directory + stem, "/");
    JS_SetModuleLoaderFunc2(JS_GetRuntime(js), normalize, load, NULL, NULL);
    JS_SetHostPromiseRejectionTracker(JS_GetRuntime(js), track_rejection, NULL);
    char *source = text_asset(":script", &size);
#ifdef TYPESCRIPT
    if (source)
        source = types_stripped(source, &size, script_path);
#endif
    if (!source)
        return false;
    JSValue code = JS_Eval(js, source, size, script_path, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    free(source);
    if (JS_IsException(code))
        return false;
    script = JS_VALUE_GET_PTR(code);
    JSValue result = settle(JS_EvalFunction(js, code));
    bool good = !JS_IsException(result);
    JS_FreeValue(js, result);
    return good;
}

/* An exported function; undefined if there is none. */
JSValue script_function(const char *name)
{
    JSValue exports = JS_GetModuleNamespace(js, script);
    JSValue function = JS_GetPropertyStr(js, exports, name);
    JS_FreeValue(js, exports);
    if (JS_IsException(function) || JS_IsFunction(js, function))
        return function;
    JS_FreeValue(js, function);
    return JS_UNDEFINED;
}

static JSValue script_exports(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    return script ? JS_GetModuleNamespace(js, script) : JS_UNDEFINED;
}

/* sourceOf(module): its text, or undefined if it has none. */
static JSValue source_of(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(js, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    const char *path = script_path && strcmp(name, script_path) == 0 ? ":script" : directory ? asset_path(name) : NULL;
    size_t size;
    char *content = path ? asset_content(path, &size) : NULL;
    JS_FreeCString(js, name);
    if (!content) {
        JS_FreeValue(js, JS_GetException(js));
        return JS_UNDEFINED;
    }
    JSValue source = JS_NewStringLen(js, content, size);
    free(content);
    return source;
}

void module_functions(JSValue native)
{
    define(native, "exports", script_exports, 0);
    define(native, "sourceOf", source_of, 1);
#ifdef TYPESCRIPT
    define(native, "mapOf", map_of, 1);
#endif
}
