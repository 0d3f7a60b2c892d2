/* Batches, both ways. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

static Block *list_block(void *list, size_t entries, size_t width)
{
    return block_new(list, entries * width);
}

/* A column over the host's lists, which it takes. */
static JSValue column_lift(runner_migration_types_column_t *from, uint32_t rows)
{
    ColumnValues *values = &from->values;
    Column shape = {.type = values->tag, .of_chunk = phase == PHASE_TRANSFORM, .rows = rows};
    Column *column = column_like(&shape);
    if (!column)
        return JS_ThrowOutOfMemory(js);
    if (from->nulls.len)
        column->nulls = list_block(from->nulls.ptr, from->nulls.len, 1);
    VarValues *texts = NULL;
    if (values->tag == TYPE_NATIVE) {
        String *name = &values->val.native.type_name;
        texts = &values->val.native.texts;
        if ((column->type_name = malloc(name->len + 1))) {
            memcpy(column->type_name, name->ptr, name->len);
            column->type_name[name->len] = 0;
        }
        data_migration_string_free(name);
    } else if (!type_width[values->tag]) {
        texts = &values->val.text;
    }
    if (texts) {
        column->offsets = list_block(texts->offsets.ptr, texts->offsets.len, sizeof(uint32_t));
        column->data = list_block(texts->data.ptr, texts->data.len, 1);
    } else {
        /* All lists are an address and a length; a UUID takes two of its entries. */
        size_t width = values->tag == TYPE_UUID ? 8 : type_width[values->tag];
        column->data = list_block(values->val.int64.ptr, values->val.int64.len, width);
    }
    return column_object(column);
}

/* Takes the batch. */
JSValue batch_lift(Batch *batch)
{
    JSValue names = JS_NewArray(js), columns = JS_NewArray(js);
    bool good = !JS_IsException(names) && !JS_IsException(columns);
    for (size_t i = 0; i < batch->columns.len; i++) {
        runner_migration_types_column_t *from = batch->columns.ptr + i;
        JSValue column = column_lift(from, batch->row_count);
        good = good && !JS_IsException(column) && JS_SetPropertyUint32(js, columns, i, column) >= 0 &&
               JS_SetPropertyUint32(js, names, i, string_lift(&from->name)) >= 0;
        data_migration_string_free(&from->name);
    }
    if (batch->columns.len)
        free(batch->columns.ptr);
    JSValue arguments[3] = {JS_NewUint32(js, batch->row_count), names, columns};
    JSValue object = good ? JS_Call(js, prelude.make_batch, JS_UNDEFINED, 3, arguments) : JS_EXCEPTION;
    JS_FreeValue(js, names);
    JS_FreeValue(js, columns);
    return object;
}

static void *list_of(const Block *block, bool copy)
{
    if (!copy || !block || !block->size)
        return block ? block->bytes : NULL;
    void *list = malloc(block->size);
    if (list)
        memcpy(list, block->bytes, block->size);
    return list;
}

static bool column_lower(const Column *column, runner_migration_types_column_t *into, bool copy)
{
    ColumnValues *values = &into->values;
    values->tag = column->type;
    into->nulls.ptr = list_of(column->nulls, copy);
    into->nulls.len = column->nulls && into->nulls.ptr ? column->nulls->size : 0;
    bool good = !column->nulls || into->nulls.ptr || !column->rows;
    VarValues *texts = column->type == TYPE_NATIVE ? &values->val.native.texts : &values->val.text;
    if (column->type == TYPE_NATIVE)
        data_migration_string_dup(&values->val.native.type_name, column->type_name ? column->type_name : "");
    if (type_width[column->type]) {
        size_t width = column->type == TYPE_UUID ? 8 : type_width[column->type];
        values->val.int64.ptr = list_of(column->data, copy);
        values->val.int64.len = values->val.int64.ptr ? column->data->size / width : 0;
        good = good && values->val.int64.len == column->data->size / width;
    } else {
        texts->offsets.ptr = list_of(column->offsets, copy);
        texts->offsets.len = texts->offsets.ptr ? column->offsets->size / sizeof(uint32_t) : 0;
        texts->data.ptr = list_of(column->data, copy);
        texts->data.len = texts->data.ptr ? column->data->size : 0;
        good = good && texts->offsets.ptr && texts->data.len == column->data->size;
    }
    if (!good)
        JS_ThrowOutOfMemory(js);
    return good;
}

/* Frees what batch_lower made of it with `copy` false: names, and the array of columns. */
void batch_release(Batch *batch)
{
    for (size_t i = 0; i < batch->columns.len; i++) {
        runner_migration_types_column_t *column = batch->columns.ptr + i;
        data_migration_string_free(&column->name);
        if (column->values.tag == TYPE_NATIVE)
            data_migration_string_free(&column->values.val.native.type_name);
    }
    free(batch->columns.ptr);
    *batch = (Batch){0};
}

bool batch_lower(JSValueConst object, Batch *batch, bool copy)
{
    /* [row count, names, columns], or an exception if it is no batch. */
    JSValue parts = JS_Call(js, prelude.dump_batch, JS_UNDEFINED, 1, &object);
    *batch = (Batch){0};
    if (JS_IsException(parts))
        return false;
    JSValue rows = JS_GetPropertyUint32(js, parts, 0);
    JSValue names = JS_GetPropertyUint32(js, parts, 1), columns = JS_GetPropertyUint32(js, parts, 2);
    int64_t count = 0;
    bool good = JS_ToUint32(js, &batch->row_count, rows) == 0 && JS_GetLength(js, names, &count) == 0;
    if (good && count && !(batch->columns.ptr = calloc(count, sizeof *batch->columns.ptr))) {
        JS_ThrowOutOfMemory(js);
        good = false;
    }
    for (; good && batch->columns.len < count; batch->columns.len++) {
        runner_migration_types_column_t *into = batch->columns.ptr + batch->columns.len;
        JSValue name = JS_GetPropertyUint32(js, names, batch->columns.len);
        JSValue column = JS_GetPropertyUint32(js, columns, batch->columns.len);
        Column *from = column_of(column);
        good = from && string_lower(name, &into->name);
        if (good && !(good = column_lower(from, into, copy)))
            batch->columns.len++;
        JS_FreeValue(js, name);
        JS_FreeValue(js, column);
        if (!good)
            break;
    }
    if (!good && copy)
        runner_migration_types_batch_free(batch);
    else if (!good)
        batch_release(batch);
    JS_FreeValue(js, rows);
    JS_FreeValue(js, names);
    JS_FreeValue(js, columns);
    JS_FreeValue(js, parts);
    return good;
}
