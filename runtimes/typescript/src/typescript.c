/* Sources in TypeScript, as JavaScript. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"
#include "typescript.h"

/* Of modules whose positions are not those of their sources: maps, which live as long as the modules. */
static struct Map {
    char *name, *map;
    struct Map *next;
} *maps;

static void keep_map(const char *name, char *map)
{
    struct Map *kept = malloc(sizeof *kept);
    if (!kept)
        return;
    *kept = (struct Map){strdup(name), map, maps};
    maps = kept;
}

/* mapOf(module): its source map; undefined if it has none. */
JSValue map_of(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *name = JS_ToCString(js, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    struct Map *map = maps;
    while (map && !(map->name && strcmp(map->name, name) == 0))
        map = map->next;
    JS_FreeCString(js, name);
    return map ? JS_NewString(js, map->map) : JS_UNDEFINED;
}

char *types_stripped(char *source, size_t *size, const char *name)
{
    Stripped stripped;
    bool good = typescript_strip(source, *size, &stripped);
    free(source);
    if (good) {
        *size = stripped.size;
        if (stripped.map)
            keep_map(name, stripped.map);
        return stripped.text;
    }
    JS_ThrowSyntaxError(js, "%s", stripped.text);
    free(stripped.text);
    JSValue error = JS_GetException(js);
    if (stripped.line && JS_IsError(error)) {
        /* As the interpreter's own syntax errors have it. */
        char stack[1200];
        snprintf(stack, sizeof stack, "    at %s:%u:%u\n", name, stripped.line, stripped.column);
        JS_DefinePropertyValueStr(js, error, "stack", JS_NewString(js, stack), JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE);
    }
    JS_Throw(js, error);
    return NULL;
}
