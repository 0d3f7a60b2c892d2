/* Bundles of libraries, and data that they read. Each is evaluated when something first asks for it: a script that does not
 * pays nothing. The build writes the tables. */
#include <stdio.h>
#include <string.h>

#include "runtime.h"

struct File {
    const char *name, *content;
    size_t size;
};

/* bundles: each is a function of (module, exports, require, native). data: what bundles read by name. */
#include "library.h"

/* What the bundles export; JS_NULL before their evaluation. */
static JSValue evaluated[COUNT(bundles)];
static JSValue of_host, require;

static const struct File *find(const struct File *files, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(files[i].name, name) == 0)
            return files + i;
    return NULL;
}

/* What a bundle exports. */
JSValue library(const char *name)
{
    const struct File *bundle = find(bundles, COUNT(bundles), name);
    if (!bundle)
        return JS_ThrowReferenceError(js, "there is no library `%.200s`", name);
    JSValue *known = evaluated + (bundle - bundles);
    if (!JS_IsNull(*known))
        return JS_DupValue(js, *known);
    char file[64];
    snprintf(file, sizeof file, "runner-guest/%s", name);
    JSValue function = JS_Eval(js, bundle->content, bundle->size, file, JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(function))
        return function;
    JSValue module = JS_NewObject(js), exports = JS_NewObject(js);
    /* Libraries that import each other see what there is so far. */
    *known = JS_DupValue(js, exports);
    JS_SetPropertyStr(js, module, "exports", JS_DupValue(js, exports));
    JSValue given[] = {module, exports, require, of_host};
    JSValue result = JS_Call(js, function, JS_UNDEFINED, COUNT(given), given);
    bool good = !JS_IsException(result);
    JS_FreeValue(js, result);
    JS_FreeValue(js, function);
    JS_FreeValue(js, exports);
    JS_FreeValue(js, *known);
    *known = good ? JS_GetPropertyStr(js, module, "exports") : JS_NULL;
    JS_FreeValue(js, module);
    return good ? JS_DupValue(js, *known) : JS_EXCEPTION;
}

/* library(name), and `require` of bundles. */
static JSValue library_of(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(js, argv[0]);
    JSValue exports = name ? library(name) : JS_EXCEPTION;
    JS_FreeCString(js, name);
    return exports;
}

/* The library that is a module of Node.js, named with or without `node:`; NULL if there is none. */
const char *node_library(const char *name)
{
    static const char prefix[] = "node:";
    for (int i = 0; i < COUNT(bundles); i++) {
        const char *bundle = bundles[i].name;
        if (strncmp(bundle, prefix, 5) == 0 && strcmp(bundle + 5, strncmp(name, prefix, 5) ? name : name + 5) == 0)
            return bundle;
    }
    return NULL;
}

/* nodeLibrary(name): undefined if there is none. */
static JSValue node_library_of(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(js, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    const char *bundle = node_library(name);
    JS_FreeCString(js, name);
    return bundle ? library(bundle) : JS_UNDEFINED;
}

/* libraryData(name): a text; undefined if there is none. */
static JSValue library_data(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(js, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    const struct File *file = find(data, COUNT(data), name);
    JS_FreeCString(js, name);
    return file ? JS_NewStringLen(js, file->content, file->size) : JS_UNDEFINED;
}

static int export_library(JSContext *context, JSModuleDef *module)
{
    JSValue exports = JS_GetModulePrivateValue(context, module);
    JSPropertyEnum *names;
    uint32_t count;
    int failed = JS_GetOwnPropertyNames(context, &names, &count, exports, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY);
    for (uint32_t i = 0; !failed && i < count; i++) {
        const char *name = JS_AtomToCString(context, names[i].atom);
        failed = !name || (strcmp(name, "default") && JS_SetModuleExport(context, module, name, JS_GetProperty(context, exports, names[i].atom)));
        JS_FreeCString(context, name);
    }
    /* Takes the exports. */
    return JS_SetModuleExport(context, module, "default", exports) || failed ? -1 : 0;
}

/* A library as a module: what its bundle exports under the same names, and as a whole. */
JSModuleDef *library_module(const char *name)
{
    JSValue exports = library(name);
    JSPropertyEnum *names;
    uint32_t count;
    if (JS_IsException(exports) || JS_GetOwnPropertyNames(js, &names, &count, exports, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY))
        return NULL;
    JSModuleDef *module = JS_NewCModule(js, name, export_library);
    bool good = module && !JS_AddModuleExport(js, module, "default");
    for (uint32_t i = 0; good && i < count; i++) {
        const char *export = JS_AtomToCString(js, names[i].atom);
        good = export && (!strcmp(export, "default") || !JS_AddModuleExport(js, module, export));
        JS_FreeCString(js, export);
    }
    JS_FreePropertyEnum(js, names, count);
    return good && !JS_SetModulePrivateValue(js, module, exports) ? module : NULL;
}

void library_functions(JSValue native)
{
    for (int i = 0; i < COUNT(bundles); i++)
        evaluated[i] = JS_NULL;
    of_host = JS_DupValue(js, native);
    require = JS_NewCFunction(js, library_of, "require", 1);
    define(native, "library", library_of, 1);
    define(native, "nodeLibrary", node_library_of, 1);
    define(native, "libraryData", library_data, 1);
}
