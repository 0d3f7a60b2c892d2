/* What `runner_guest.h` declares, and the exports of the component. */
#include "runner_guest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void rg_summary(rg_description *into, const char *summary)
{
    memset(into, 0, sizeof *into);
    into->summary = rg_copy(summary);
}

/* Memory of so many bytes for a list of the description. Without memory, the migration ends. */
static void *grown(void *list, size_t size)
{
    void *larger = realloc(list, size);
    if (!larger)
        abort();
    return larger;
}

void rg_irreversible(rg_description *into)
{
    into->irreversible = true;
}

void rg_mode(rg_description *into, runner_migration_description_types_mode_t mode)
{
    into->mode = mode;
}

void rg_dialect(rg_description *into, runner_migration_types_dialect_t dialect)
{
    into->dialects.ptr = grown(into->dialects.ptr, (into->dialects.len + 1) * sizeof *into->dialects.ptr);
    into->dialects.ptr[into->dialects.len++] = dialect;
}

void rg_depends_on(rg_description *into, const char *revision)
{
    into->depends_on.ptr = grown(into->depends_on.ptr, (into->depends_on.len + 1) * sizeof *into->depends_on.ptr);
    into->depends_on.ptr[into->depends_on.len++] = rg_copy(revision);
}

/* A new need of the description. */
static runner_migration_description_types_need_t *new_need(rg_description *into, uint8_t tag)
{
    into->needs.ptr = grown(into->needs.ptr, (into->needs.len + 1) * sizeof *into->needs.ptr);
    runner_migration_description_types_need_t *need = into->needs.ptr + into->needs.len++;
    memset(need, 0, sizeof *need);
    need->tag = tag;
    return need;
}

void rg_needs_table(rg_description *into, rg_verb verb, const char *table)
{
    rg_needs_columns(into, verb, NULL, table, NULL, 0);
}

void rg_needs_columns(rg_description *into, rg_verb verb, const char *schema, const char *table, const char *const *columns,
                      size_t count)
{
    runner_migration_description_types_table_need_t *need =
        &new_need(into, RUNNER_MIGRATION_DESCRIPTION_TYPES_NEED_TABLE)->val.table;
    need->verb = (uint8_t)verb;
    need->table.name = rg_copy(table);
    need->table.schema.is_some = schema != NULL;
    if (schema)
        need->table.schema.val = rg_copy(schema);
    if (!count)
        return;
    need->columns.ptr = calloc(count, sizeof *need->columns.ptr);
    if (!need->columns.ptr)
        abort();
    need->columns.len = count;
    for (size_t i = 0; i < count; i++)
        need->columns.ptr[i] = rg_copy(columns[i]);
}

void rg_needs_raw_sql(rg_description *into)
{
    new_need(into, RUNNER_MIGRATION_DESCRIPTION_TYPES_NEED_RAW_SQL);
}

void rg_needs_table_rebuild(rg_description *into)
{
    new_need(into, RUNNER_MIGRATION_DESCRIPTION_TYPES_NEED_TABLE_REBUILD);
}

void rg_needs_function(rg_description *into, const char *name)
{
    new_need(into, RUNNER_MIGRATION_DESCRIPTION_TYPES_NEED_FUNCTION)->val.function = rg_copy(name);
}

void rg_needs_limit(rg_description *into, runner_migration_description_types_limit_t limit, uint64_t at_least)
{
    runner_migration_description_types_limit_need_t need = {limit, at_least};
    new_need(into, RUNNER_MIGRATION_DESCRIPTION_TYPES_NEED_LIMIT)->val.limit = need;
}

rg_string rg_copy(const char *text)
{
    rg_string copy;
    data_migration_string_dup(&copy, text);
    return copy;
}

/* How many bytes a code point takes in UTF-8 at a place in a text; 0 if there is none. */
static size_t code_point(const uint8_t *at, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;
    if (length < 2 || length > size)
        return length < 2 ? length : 0;
    uint32_t point = at[0] & (0xff >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (at[i] >> 6 != 2)
            return 0;
        point = point << 6 | (at[i] & 0x3f);
    }
    return point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? 0 : length;
}

void rg_readable(rg_string *text)
{
    size_t bad = 0, length;
    for (size_t at = 0; at < text->len; at += length ? length : 1)
        bad += !(length = code_point(text->ptr + at, text->len - at));
    if (!bad)
        return;
    rg_string made = {malloc(text->len + 2 * bad), 0};
    for (size_t at = 0; made.ptr && at < text->len; at += length ? length : 1) {
        length = code_point(text->ptr + at, text->len - at);
        memcpy(made.ptr + made.len, length ? text->ptr + at : (const uint8_t *)"\xef\xbf\xbd", length ? length : 3);
        made.len += length ? length : 3;
    }
    free(text->ptr);
    *text = made;
}

/* A text in the manner of `printf`, from `malloc`. */
static rg_string formatted(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    rg_string text = {NULL, 0};
    if (size > 0 && (text.ptr = malloc((size_t)size + 1))) {
        text.len = (size_t)size;
        vsnprintf((char *)text.ptr, text.len + 1, format, arguments);
    }
    rg_readable(&text);
    return text;
}

bool rg_fail(rg_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    memset(error, 0, sizeof *error);
    error->kind = RUNNER_MIGRATION_TYPES_ERROR_KIND_FAILED;
    error->message = formatted(format, arguments);
    va_end(arguments);
    return false;
}

static void say(runner_migration_context_level_t level, const char *format, va_list arguments)
{
    rg_string text = formatted(format, arguments);
    runner_migration_context_log(level, &text);
    free(text.ptr);
}

void rg_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(RUNNER_MIGRATION_CONTEXT_LEVEL_INFO, format, arguments);
    va_end(arguments);
}

void rg_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(RUNNER_MIGRATION_CONTEXT_LEVEL_WARNING, format, arguments);
    va_end(arguments);
}

rg_value rg_null(void)
{
    rg_value made = {.tag = RUNNER_MIGRATION_TYPES_VALUE_NULL};
    return made;
}

rg_value rg_boolean(bool value)
{
    rg_value made = {.tag = RUNNER_MIGRATION_TYPES_VALUE_BOOLEAN, .val = {.boolean = value}};
    return made;
}

rg_value rg_int64(int64_t value)
{
    rg_value made = {.tag = RUNNER_MIGRATION_TYPES_VALUE_INT64, .val = {.int64 = value}};
    return made;
}

rg_value rg_float64(double value)
{
    rg_value made = {.tag = RUNNER_MIGRATION_TYPES_VALUE_FLOAT64, .val = {.float64 = value}};
    return made;
}

rg_value rg_text(const char *value)
{
    rg_value made = {.tag = RUNNER_MIGRATION_TYPES_VALUE_TEXT, .val = {.text = rg_str(value)}};
    return made;
}

bool rg_execute(const char *sql, const rg_value *parameters, size_t count, uint64_t *rows, rg_error *error)
{
    rg_string statement = rg_str(sql);
    runner_migration_sql_list_value_t values = {(rg_value *)parameters, count};
    uint64_t changed = 0;
    bool good = runner_migration_sql_execute(&statement, &values, &changed, error);
    if (good && rows)
        *rows = changed;
    return good;
}

bool rg_query(const char *sql, const rg_value *parameters, size_t count, rg_row_set *into, rg_error *error)
{
    rg_string statement = rg_str(sql);
    runner_migration_sql_list_value_t values = {(rg_value *)parameters, count};
    return runner_migration_sql_query(&statement, &values, into, error);
}

bool rg_transform(const char *name, const char *table, const char *const *columns, size_t count, rg_report *report, rg_error *error)
{
    rg_string function = rg_str(name);
    runner_migration_batches_column_request_t *requests = calloc(count + 1, sizeof *requests);
    if (!requests)
        return rg_fail(error, "out of memory");
    for (size_t i = 0; i < count; i++)
        requests[i].name = rg_str(columns[i]);
    rg_source source = {.table = {.name = rg_str(table)}, .columns = {requests, count}};
    rg_target target = {.table = {.name = rg_str(table)}, .mode = RUNNER_MIGRATION_BATCHES_WRITE_MODE_UPDATE};
    rg_report done;
    bool good = runner_migration_batches_transform(&function, &source, &target, &done, error);
    free(requests);
    if (good && report)
        *report = done;
    return good;
}

rg_column *rg_column_of(rg_batch *batch, const char *name, rg_error *error)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < batch->columns.len; i++) {
        rg_column *column = batch->columns.ptr + i;
        if (column->name.len == size && memcmp(column->name.ptr, name, size) == 0)
            return column;
    }
    rg_fail_column(batch, name, size, error);
    return NULL;
}

bool rg_fail_column(const rg_batch *batch, const char *name, size_t size, rg_error *error)
{
    char names[512] = "";
    size_t end = 0;
    for (size_t i = 0; i < batch->columns.len && end < sizeof names - 1; i++) {
        const rg_string *known = &batch->columns.ptr[i].name;
        end += snprintf(names + end, sizeof names - end, "%s`%.*s`", i ? ", " : "", (int)known->len, (const char *)known->ptr);
    }
    return rg_fail(error, "the batch has no column `%.*s`; its columns are %s", (int)size, name, names);
}

/* The entries of variable length, whatever their type; NULL if it has a fixed length. */
static runner_migration_types_var_values_t *variable(rg_column *column)
{
    switch (column->values.tag) {
    case RUNNER_MIGRATION_TYPES_COLUMN_VALUES_TEXT:
    case RUNNER_MIGRATION_TYPES_COLUMN_VALUES_BYTES:
    case RUNNER_MIGRATION_TYPES_COLUMN_VALUES_DECIMAL:
    case RUNNER_MIGRATION_TYPES_COLUMN_VALUES_JSON:
        return &column->values.val.text;
    case RUNNER_MIGRATION_TYPES_COLUMN_VALUES_NATIVE:
        return &column->values.val.native.texts;
    default:
        return NULL;
    }
}

/* Whether a column has no values but NULLs. Without rows it has not even those. */
static bool has_no_values(rg_column *column)
{
    for (size_t row = 0; row < column->nulls.len; row++)
        if (!column->nulls.ptr[row])
            return false;
    runner_migration_types_var_values_t *texts = variable(column);
    /* All other lists have their lengths in the same place. */
    return column->nulls.len || (texts ? texts->offsets.len < 2 : !column->values.val.int64.len);
}

/* Gives a column entries of a type that have no meaning yet. */
static bool blank(rg_column *column, uint8_t type, size_t rows, rg_error *error)
{
    /* No entry is larger than a UUID, and the zeros in the place of texts are positions. */
    void *entries = calloc(rows + 1, 2 * sizeof(uint64_t));
    if (!entries)
        return rg_fail(error, "out of memory");
    runner_migration_types_column_values_free(&column->values);
    memset(&column->values, 0, sizeof column->values);
    column->values.tag = type;
    runner_migration_types_var_values_t *texts = variable(column);
    if (texts) {
        texts->offsets.ptr = entries;
        texts->offsets.len = rows + 1;
    } else {
        column->values.val.int64.ptr = entries;
        column->values.val.int64.len = type == RUNNER_MIGRATION_TYPES_COLUMN_VALUES_UUID ? 2 * rows : rows;
    }
    return true;
}

/* Whether a column is of a type. One of nothing but NULLs becomes one of that type: a database may not know theirs. */
static bool is_of(rg_column *column, uint8_t type, const char *what, rg_error *error)
{
    if (column->values.tag == type)
        return true;
    if (!has_no_values(column))
        return rg_fail(error, "the column `%.*s` does not hold %s", (int)column->name.len, (const char *)column->name.ptr, what);
    return blank(column, type, column->nulls.len, error);
}

rg_column *rg_new_column(rg_batch *batch, const char *name, uint8_t type, rg_error *error)
{
    size_t rows = batch->row_count, count = batch->columns.len;
    for (size_t i = 0; i < count; i++) {
        rg_string other = batch->columns.ptr[i].name;
        if (other.len == strlen(name) && memcmp(other.ptr, name, other.len) == 0) {
            rg_fail(error, "the batch has a column `%s` already", name);
            return NULL;
        }
    }
    rg_column *columns = realloc(batch->columns.ptr, (count + 1) * sizeof *columns), *column = columns + count;
    if (!columns) {
        rg_fail(error, "out of memory");
        return NULL;
    }
    batch->columns.ptr = columns;
    memset(column, 0, sizeof *column);
    if (!blank(column, type, rows, error))
        return NULL;
    column->nulls.ptr = malloc(rows + 1);
    if (!column->nulls.ptr) {
        runner_migration_types_column_values_free(&column->values);
        rg_fail(error, "out of memory");
        return NULL;
    }
    memset(column->nulls.ptr, 1, rows);
    column->nulls.len = rows;
    column->name = rg_copy(name);
    batch->columns.len++;
    return column;
}

bool rg_set_null(rg_column *column, uint32_t row, bool null, rg_error *error)
{
    runner_migration_types_var_values_t *texts = variable(column);
    size_t entries = texts ? texts->offsets.len - 1 : column->values.val.int64.len;
    size_t rows = column->values.tag == RUNNER_MIGRATION_TYPES_COLUMN_VALUES_UUID ? entries / 2 : entries;
    if (row >= rows)
        return rg_fail(error, "there is no entry %u in a column of %zu", (unsigned)row, rows);
    if (!column->nulls.len) {
        if (!null)
            return true;
        column->nulls.ptr = calloc(rows, 1);
        if (!column->nulls.ptr)
            return rg_fail(error, "out of memory");
        column->nulls.len = rows;
    }
    column->nulls.ptr[row] = null;
    return true;
}

/* The first entry of a column. A column without rows may have no memory, and is no error. */
static void *first_of(void *entries)
{
    static int64_t none;
    return entries ? entries : &none;
}

int64_t *rg_int64s(rg_column *column, rg_error *error)
{
    bool good = is_of(column, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_INT64, "64-bit integers", error);
    return good ? first_of(column->values.val.int64.ptr) : NULL;
}

double *rg_float64s(rg_column *column, rg_error *error)
{
    bool good = is_of(column, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_FLOAT64, "64-bit floating-point numbers", error);
    return good ? first_of(column->values.val.float64.ptr) : NULL;
}

uint8_t *rg_booleans(rg_column *column, rg_error *error)
{
    bool good = is_of(column, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_BOOLEAN, "booleans", error);
    return good ? first_of(column->values.val.boolean.ptr) : NULL;
}

int32_t *rg_dates(rg_column *column, rg_error *error)
{
    bool good = is_of(column, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_DATE, "dates", error);
    return good ? first_of(column->values.val.date.ptr) : NULL;
}

int64_t *rg_times(rg_column *column, rg_error *error)
{
    uint8_t tag = column->values.tag;
    if (tag == RUNNER_MIGRATION_TYPES_COLUMN_VALUES_TIMESTAMP || tag == RUNNER_MIGRATION_TYPES_COLUMN_VALUES_TIMESTAMPTZ)
        return first_of(column->values.val.timestamp.ptr);
    bool good = is_of(column, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_TIME, "times", error);
    return good ? first_of(column->values.val.time.ptr) : NULL;
}

uint64_t *rg_uuids(rg_column *column, rg_error *error)
{
    bool good = is_of(column, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_UUID, "UUIDs", error);
    return good ? first_of(column->values.val.uuid.ptr) : NULL;
}

bool rg_texts_of(rg_column *column, rg_texts *into, rg_error *error)
{
    if (!variable(column) && !is_of(column, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_TEXT, "texts", error))
        return false;
    runner_migration_types_var_values_t *values = variable(column);
    into->offsets = values->offsets.ptr;
    into->data = values->data.ptr;
    into->size = values->data.len;
    return true;
}

bool rg_texts_start(rg_texts_builder *builder, uint32_t rows, size_t size, rg_error *error)
{
    memset(builder, 0, sizeof *builder);
    builder->capacity_rows = rows;
    builder->capacity = size ? size : 1;
    builder->offsets = malloc(((size_t)rows + 1) * sizeof *builder->offsets);
    builder->data = malloc(builder->capacity);
    if (!builder->offsets || !builder->data) {
        rg_texts_drop(builder);
        return rg_fail(error, "out of memory");
    }
    builder->offsets[0] = 0;
    return true;
}

bool rg_texts_push(rg_texts_builder *builder, const void *text, size_t size, rg_error *error)
{
    if (builder->rows == builder->capacity_rows)
        return rg_fail(error, "more texts than the %u rows", (unsigned)builder->capacity_rows);
    if (size > UINT32_MAX - builder->size)
        return rg_fail(error, "the texts of a column take more than 4 GiB");
    if (builder->size + size > builder->capacity) {
        size_t capacity = builder->capacity < (1u << 30) ? 2 * builder->capacity : builder->capacity;
        if (capacity < builder->size + size)
            capacity = builder->size + size;
        uint8_t *data = realloc(builder->data, capacity);
        if (!data)
            return rg_fail(error, "out of memory");
        builder->data = data;
        builder->capacity = capacity;
    }
    memcpy(builder->data + builder->size, text, size);
    builder->size += size;
    builder->offsets[++builder->rows] = (uint32_t)builder->size;
    return true;
}

bool rg_texts_finish(rg_texts_builder *builder, rg_column *column, rg_error *error)
{
    if (!variable(column) && !is_of(column, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_TEXT, "texts", error)) {
        rg_texts_drop(builder);
        return false;
    }
    runner_migration_types_var_values_t *values = variable(column);
    unsigned pushed = builder->rows, begun = builder->capacity_rows;
    if (pushed != begun || (size_t)pushed + 1 != values->offsets.len) {
        rg_texts_drop(builder);
        if (pushed != begun)
            return rg_fail(error, "%u of %u texts were pushed: each row has one, also where it is NULL", pushed, begun);
        return rg_fail(error, "%u texts for a column of %zu rows", pushed, values->offsets.len - 1);
    }
    runner_migration_types_var_values_free(values);
    values->offsets.ptr = builder->offsets;
    values->offsets.len = (size_t)builder->rows + 1;
    values->data.ptr = builder->data;
    values->data.len = builder->size;
    if (!builder->size)
        free(builder->data);
    memset(builder, 0, sizeof *builder);
    return true;
}

void rg_texts_drop(rg_texts_builder *builder)
{
    free(builder->offsets);
    free(builder->data);
    memset(builder, 0, sizeof *builder);
}

/* The exports. What the C library still has of a line that was printed is written before each returns. */

void exports_data_migration_describe(data_migration_description_t *into)
{
    migration_describe(into);
    fflush(NULL);
}

bool exports_data_migration_upgrade(data_migration_error_t *error)
{
    bool good = migration_upgrade(error);
    fflush(NULL);
    return good;
}

bool exports_data_migration_downgrade(data_migration_error_t *error)
{
    bool good = migration_downgrade(error);
    fflush(NULL);
    return good;
}

bool exports_runner_migration_transformer_transform_batch(data_migration_string_t *name,
                                                          exports_runner_migration_transformer_batch_t *rows,
                                                          exports_runner_migration_transformer_batch_t *into,
                                                          data_migration_string_t *failure)
{
    rg_error error;
    char *function = memcpy(grown(NULL, name->len + 1), name->ptr, name->len);
    function[name->len] = 0;
    data_migration_string_free(name);
    bool good = migration_transform(function, rows, &error);
    fflush(NULL);
    free(function);
    if (good) {
        *into = *rows;
        return true;
    }
    runner_migration_types_batch_free(rows);
    *failure = error.message;
    error.message.ptr = NULL;
    error.message.len = 0;
    rg_error_free(&error);
    return false;
}
