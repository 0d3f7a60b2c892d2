/* Sources in TypeScript, without their types. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime.h"
#include "typescript.h"

char *types_stripped(char *source, size_t *size, const char *name)
{
    Stripped stripped;
    bool good = typescript_strip(source, *size, &stripped);
    free(source);
    if (good) {
        *size = stripped.size;
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
