/* The interpreter, with what it does not offer: a bound on the depth of calls on this target, a quick look at properties, and
 * dates from texts by a function of the prelude. */
#include "quickjs.c"

void engine_limit_stack(JSRuntime *runtime, size_t size)
{
    runtime->stack_limit = js_get_stack_pointer() - size;
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

static JSValue date_reader = JS_UNDEFINED;

/* `new Date(text)`, by the same function as `Date.parse`. */
static JSValue construct_date(JSContext *context, JSValueConst target, int count, JSValueConst *values)
{
    bool is_date = count == 1 && JS_IsObject(values[0]) && JS_VALUE_GET_OBJ(values[0])->class_id == JS_CLASS_DATE;
    if (JS_IsUndefined(target) || count != 1 || is_date)
        return js_date_constructor(context, target, count, values);
    JSValue value = JS_ToPrimitive(context, values[0], HINT_NONE);
    if (JS_IsString(value)) {
        JSValue text = value;
        value = JS_Call(context, date_reader, JS_UNDEFINED, 1, &text);
        JS_FreeValue(context, text);
    }
    if (JS_IsException(value))
        return value;
    JSValue date = js_date_constructor(context, target, 1, &value);
    JS_FreeValue(context, value);
    return date;
}

void engine_read_dates(JSContext *context, JSValue reader)
{
    JSValue global = JS_GetGlobalObject(context), constructor = JS_GetPropertyStr(context, global, "Date");
    date_reader = reader;
    JS_VALUE_GET_OBJ(constructor)->u.cfunc.c_function.constructor_or_func = construct_date;
    JS_FreeValue(context, constructor);
    JS_FreeValue(context, global);
}
