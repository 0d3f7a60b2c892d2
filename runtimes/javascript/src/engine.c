/* The interpreter, with what it does not offer: a bound on the depth of calls on this target, a quick look at properties, objects in
 * the form of others, dates from texts by a function of the prelude, and where a script stands. */
#include "quickjs.h"

/* The build gives the interpreter's own one, which this stands before, another name. */
static int JS_CopyDataProperties(JSContext *context, JSValue target, JSValue source, JSValue excluded, bool is_set);
#include "quickjs.c"

void engine_limit_stack(JSRuntime *runtime, size_t size)
{
    runtime->stack_limit = js_get_stack_pointer() - size;
}

JSValue engine_take_stack(JSContext *context)
{
    JSValue stack = context->error_back_trace;
    context->error_back_trace = JS_UNDEFINED;
    return stack;
}

/* Where the script stood when it was last looked at. The host finds it in the memory of an instance that a limit has ended. */
static struct {
    _Alignas(8) char mark[24];
    char place[232];
} stands = {"runner: it stands at", ""};

/* Called every 10,000 jumps and calls: scripts/build-runtimes has the interpreter keep where it is before. */
static int look(JSRuntime *runtime, void *opaque)
{
    for (JSStackFrame *frame = runtime->current_stack_frame; frame; frame = frame->prev_frame) {
        const JSObject *function = JS_VALUE_GET_OBJ(frame->cur_func);
        if (!js_class_has_bytecode(function->class_id) || !frame->cur_pc)
            continue;
        JSFunctionBytecode *code = function->u.func.function_bytecode;
        char file[128], name[64];
        JS_AtomGetStrRT(runtime, file, sizeof file, code->filename);
        /* The prelude and libraries are not the script's. */
        if (!strncmp(file, "runner-guest", 12) || !strncmp(file, "node:", 5))
            continue;
        int column, line = find_line_num(code->realm, code, frame->cur_pc - code->byte_code_buf - 1, &column);
        JS_AtomGetStrRT(runtime, name, sizeof name, code->func_name);
        bool has_name = *name && *name != '<';
        snprintf(stands.place, sizeof stands.place, "%s%s%s:%d:%d", has_name ? name : "", has_name ? ", " : "", file, line, column);
        return 0;
    }
    return 0;
}

void engine_watch(JSRuntime *runtime)
{
    stands.place[0] = 0;
    JS_SetInterruptHandler(runtime, look, NULL);
}

bool engine_may_have_others(JSValueConst object, const JSAtom *names, uint32_t count)
{
    const JSObject *inside = JS_VALUE_GET_OBJ(object);
    if (inside->class_id != JS_CLASS_OBJECT || inside->is_exotic)
        return true;
    JSShape *shape = inside->shape;
    const JSShapeProperty *properties = get_shape_prop(shape);
    uint32_t next = 0;
    for (int i = 0; i < shape->prop_count; i++) {
        JSAtom name = properties[i].atom;
        if (name == JS_ATOM_NULL || !(properties[i].flags & JS_PROP_ENUMERABLE))
            continue;
        /* Mostly they come in the order of the columns. */
        if (next >= count || names[next] != name)
            for (next = 0; next < count && names[next] != name; next++)
                ;
        if (next == count)
            return true;
        next++;
    }
    return false;
}

/* Whether other objects may have its form: it is plain, and all of its properties are ordinary. */
static bool has_plain_form(const JSObject *object)
{
    const JSShape *shape = object->shape;
    if (object->class_id != JS_CLASS_OBJECT || object->is_exotic || !shape->is_hashed || shape->deleted_prop_count)
        return false;
    for (int i = 0; i < shape->prop_count; i++)
        if (get_shape_prop(shape)[i].flags != JS_PROP_C_W_E)
            return false;
    return true;
}

/* `{ ...row, more }`: a new object takes all properties of a plain one at once. */
static int JS_CopyDataProperties(JSContext *context, JSValue target, JSValue source, JSValue excluded, bool is_set)
{
    if (!is_set && JS_IsObject(source) && !JS_IsObject(excluded)) {
        JSObject *to = JS_VALUE_GET_OBJ(target);
        const JSObject *from = JS_VALUE_GET_OBJ(source);
        if (has_plain_form(to) && !to->shape->prop_count && to->shape->proto == from->shape->proto && has_plain_form(from)) {
            JSProperty *properties = js_malloc(context, sizeof *properties * from->shape->prop_size);
            if (!properties)
                return -1;
            for (int i = 0; i < from->shape->prop_count; i++)
                properties[i].u.value = JS_DupValue(context, from->prop[i].u.value);
            js_free(context, to->prop);
            js_free_shape(context->rt, to->shape);
            to->shape = js_dup_shape(from->shape);
            to->prop = properties;
            return 0;
        }
    }
    return JS_CopyEachDataProperty(context, target, source, excluded, is_set);
}

JSValue engine_object_like(JSContext *context, JSValueConst other, const JSValue *values)
{
    JSShape *shape = JS_VALUE_GET_OBJ(other)->shape;
    JSValue made = JS_NewObjectFromShape(context, js_dup_shape(shape), JS_CLASS_OBJECT, NULL);
    for (int i = 0; i < shape->prop_count && !JS_IsException(made); i++)
        JS_VALUE_GET_OBJ(made)->prop[i].u.value = values[i];
    return made;
}

/* What follows so many digits; NULL if they are not there. */
static const char *digits_at(const char *at, int count)
{
    for (; count; at++, count--)
        if (*at < '0' || *at > '9')
            return NULL;
    return at;
}

/* Whether a text is a date as the language defines it: the form of ISO 8601 that `toISOString` writes, or a part of it. */
static bool is_iso_date(const char *at)
{
    bool has_sign = *at == '+' || *at == '-';
    if (!strncmp(at, "-000000", 7) || !(at = digits_at(at + has_sign, has_sign ? 6 : 4)))
        return false;
    for (int most = 12; most && *at == '-'; most = most == 12 ? 31 : 0) {
        const char *end = digits_at(at + 1, 2);
        int number = end ? (at[1] - '0') * 10 + at[2] - '0' : 0;
        if (number < 1 || number > most)
            return false;
        at = end;
    }
    if (!*at)
        return true;
    if (*at != 'T' || !(at = digits_at(at + 1, 2)) || *at != ':' || !(at = digits_at(at + 1, 2)))
        return false;
    if (*at == ':') {
        if (!(at = digits_at(at + 1, 2)))
            return false;
        if (*at == '.') {
            size_t count = strspn(++at, "0123456789");
            if (!count || count > 9)
                return false;
            at += count;
        }
    }
    if (*at == 'Z')
        return !at[1];
    if (*at != '+' && *at != '-')
        return !*at;
    if (!(at = digits_at(at + 1, 2)))
        return false;
    at = digits_at(at + (*at == ':'), 2);
    return at && !*at;
}

static JSValue date_reader = JS_UNDEFINED;

/* `new Date(text)`, which `Date.parse` calls as well. */
static JSValue construct_date(JSContext *context, JSValueConst target, int count, JSValueConst *values)
{
    bool is_date = count == 1 && JS_IsObject(values[0]) && JS_VALUE_GET_OBJ(values[0])->class_id == JS_CLASS_DATE;
    if (JS_IsUndefined(target) || count != 1 || is_date)
        return js_date_constructor(context, target, count, values);
    JSValue value = JS_ToPrimitive(context, values[0], HINT_NONE);
    if (JS_IsString(value)) {
        size_t size;
        const char *text = JS_ToCStringLen(context, &size, value);
        bool is_iso = text && strlen(text) == size && is_iso_date(text);
        JSValue time = !text ? JS_EXCEPTION : is_iso ? JS_DupValue(context, value) : JS_Call(context, date_reader, JS_UNDEFINED, 1, &value);
        JS_FreeCString(context, text);
        JS_FreeValue(context, value);
        value = time;
    }
    if (JS_IsException(value))
        return value;
    JSValue date = js_date_constructor(context, target, 1, &value);
    JS_FreeValue(context, value);
    return date;
}

static char *put_digits(char *at, int number, int count)
{
    for (int i = count; i--; number /= 10)
        at[i] = '0' + number % 10;
    return at + count;
}

/* `date.toISOString()`: the interpreter's own prints each part. */
static JSValue iso_text(JSContext *context, JSValueConst this, int count, JSValueConst *values)
{
    double fields[9];
    int is_valid = get_date_fields(context, this, fields, 0, 0);
    if (is_valid <= 0)
        return is_valid ? JS_EXCEPTION : JS_ThrowRangeError(context, "Invalid time value");
    char text[27], *at = text;
    int year = fields[0];
    if (year < 0 || year > 9999)
        *at++ = year < 0 ? '-' : '+';
    at = put_digits(at, abs(year), year < 0 || year > 9999 ? 6 : 4);
    for (int i = 1; i <= 6; i++) {
        *at++ = "--T::."[i - 1];
        at = put_digits(at, (int)fields[i] + (i == 1), i == 6 ? 3 : 2);
    }
    *at++ = 'Z';
    return JS_NewStringLen(context, text, at - text);
}

void engine_read_dates(JSContext *context, JSValue reader)
{
    JSValue global = JS_GetGlobalObject(context), constructor = JS_GetPropertyStr(context, global, "Date");
    date_reader = reader;
    JS_VALUE_GET_OBJ(constructor)->u.cfunc.c_function.constructor_or_func = construct_date;
    JSValue iso = JS_NewCFunction(context, iso_text, "toISOString", 0);
    JS_DefinePropertyValueStr(context, context->class_proto[JS_CLASS_DATE], "toISOString", iso, JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE);
    JS_FreeValue(context, constructor);
    JS_FreeValue(context, global);
}
