/* The interpreter, with what it does not offer: a bound on the depth of calls on this target, and a quick look at properties. */
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
