/* The interpreter, with the one thing that it does not offer on this target: a bound on the depth of calls. */
#include "quickjs.c"

void engine_limit_stack(JSRuntime *runtime, size_t size)
{
    runtime->stack_limit = js_get_stack_pointer() - size;
}
