/* Values of every type, written, read and told: the tests compare what each language makes of them, byte by byte. */
#include "runner_guest.h"

#include <stdio.h>
#include <stdlib.h>

#define TYPE(name) RUNNER_MIGRATION_TYPES_COLUMN_TYPE_##name
#define VALUES(name) RUNNER_MIGRATION_TYPES_COLUMN_VALUES_##name

/* The types of columns are those of values, in the same order. */
static const struct {
    const char *name;
    uint8_t type, values;
} columns[] = {
    {"id", TYPE(INT64), VALUES(INT64)},          {"truth", TYPE(BOOLEAN), VALUES(BOOLEAN)},
    {"whole", TYPE(INT64), VALUES(INT64)},       {"fraction", TYPE(FLOAT64), VALUES(FLOAT64)},
    {"words", TYPE(TEXT), VALUES(TEXT)},         {"octets", TYPE(BYTES), VALUES(BYTES)},
    {"exact", TYPE(DECIMAL), VALUES(DECIMAL)},   {"d", TYPE(DATE), VALUES(DATE)},
    {"clock", TYPE(TIME), VALUES(TIME)},         {"moment", TYPE(TIMESTAMP), VALUES(TIMESTAMP)},
    {"instant", TYPE(TIMESTAMPTZ), VALUES(TIMESTAMPTZ)}, {"u", TYPE(UUID), VALUES(UUID)},
    {"j", TYPE(JSON), VALUES(JSON)},
};
enum { COLUMNS = RG_COUNT(columns), ROWS = 4 };

void migration_describe(rg_description *into)
{
    rg_summary(into, "values of every type");
}

/* Texts for all rows. */
static runner_migration_types_var_values_t texts(const char *const all[ROWS], const size_t sizes[ROWS], uint32_t rows)
{
    runner_migration_types_var_values_t made = {{calloc(ROWS + 1, sizeof(uint32_t)), rows + 1}, {malloc(2000), 0}};
    for (uint32_t row = 0; row < rows; row++) {
        memcpy(made.data.ptr + made.data.len, all[row], sizes[row]);
        made.data.len += sizes[row];
        made.offsets.ptr[row + 1] = (uint32_t)made.data.len;
    }
    return made;
}

/* The rows, or none of them. What it takes is not freed: the migration ends. */
static rg_batch given(uint32_t rows)
{
    static uint8_t nulls[ROWS] = {0, 0, 1, 0}, truth[ROWS] = {1, 0, 0, 1};
    static int64_t id[ROWS] = {1, 2, 3, 4}, whole[ROWS] = {INT64_MAX, INT64_MIN, 0, 0}, clock[ROWS] = {34200250000, 0, 0, 86399999999};
    static int64_t moment[ROWS] = {1772357400000001, -1, 0, 253402300799000000};
    static double fraction[ROWS] = {1.25, -0.1, 0, 1e300};
    static int32_t d[ROWS] = {20513, -354285, 0, 2932896};
    static uint64_t u[2 * ROWS] = {0x9b2f3c1e6d0a4f58, 0x8a771c2d3e4f5a6b, 0, 1, 0, 0, UINT64_MAX, UINT64_MAX};
    static char x[1000], y[100];
    memset(x, 'x', sizeof x);
    memset(y, 'y', sizeof y);
    const char *const words[ROWS] = {"ünï 🦉", "", "", x}, *const octets[ROWS] = {"\0\xff\n", "", "", y};
    const char *const exact[ROWS] = {"12.25", "-7.75", "0", "12345678.91"}, *const j[ROWS] = {"{\"a\":1}", "\"text\"", "null", "[1,null]"};
    rg_batch batch = {rows, {calloc(COLUMNS, sizeof(rg_column)), COLUMNS}};
    for (size_t i = 0; i < COLUMNS; i++) {
        rg_column *column = batch.columns.ptr + i;
        column->name = rg_str(columns[i].name);
        column->values.tag = columns[i].values;
        if (i > 0 && rows) {
            column->nulls.ptr = nulls;
            column->nulls.len = rows;
        }
    }
    rg_column *made = batch.columns.ptr;
    made[0].values.val.int64 = (data_migration_list_s64_t){id, rows};
    made[1].values.val.boolean = (data_migration_list_u8_t){truth, rows};
    made[2].values.val.int64 = (data_migration_list_s64_t){whole, rows};
    made[3].values.val.float64 = (data_migration_list_f64_t){fraction, rows};
    made[4].values.val.text = texts(words, (size_t[]){strlen(words[0]), 0, 0, sizeof x}, rows);
    made[5].values.val.bytes = texts(octets, (size_t[]){3, 0, 0, sizeof y}, rows);
    made[6].values.val.decimal = texts(exact, (size_t[]){5, 5, 1, 11}, rows);
    made[7].values.val.date = (data_migration_list_s32_t){d, rows};
    made[8].values.val.time = (data_migration_list_s64_t){clock, rows};
    made[9].values.val.timestamp = (data_migration_list_s64_t){moment, rows};
    made[10].values.val.timestamptz = (data_migration_list_s64_t){moment, rows};
    made[11].values.val.uuid = (data_migration_list_u64_t){u, 2 * (size_t)rows};
    made[12].values.val.json = texts(j, (size_t[]){7, 6, 4, 8}, rows);
    return batch;
}

/* The lines that are told. */
static rg_texts_builder lines;

static bool tell(const char *head, const char *name, const char *value, rg_error *error)
{
    char line[4096];
    int size = snprintf(line, sizeof line, "%s%s%s%s", head, name, *name || *head ? ": " : "", value);
    return rg_texts_push(&lines, line, (size_t)size, error);
}

static void show(rg_column *column, uint32_t row, char into[2048], rg_error *error)
{
    rg_texts texts;
    uint64_t bits;
    snprintf(into, 2048, "NULL");
    if (rg_is_null(column, row))
        return;
    switch (column->values.tag) {
    case VALUES(BOOLEAN):
        snprintf(into, 2048, "%s", column->values.val.boolean.ptr[row] ? "true" : "false");
        return;
    case VALUES(FLOAT64):
        memcpy(&bits, column->values.val.float64.ptr + row, sizeof bits);
        snprintf(into, 2048, "%016llx", (unsigned long long)bits);
        return;
    case VALUES(DATE):
        snprintf(into, 2048, "%d", (int)column->values.val.date.ptr[row]);
        return;
    case VALUES(UUID): {
        uint64_t high = column->values.val.uuid.ptr[2 * row], low = column->values.val.uuid.ptr[2 * row + 1];
        snprintf(into, 2048, "%08llx-%04llx-%04llx-%04llx-%012llx", (unsigned long long)(high >> 32),
                 (unsigned long long)(high >> 16 & 0xffff), (unsigned long long)(high & 0xffff), (unsigned long long)(low >> 48),
                 (unsigned long long)(low & 0xffffffffffff));
        return;
    }
    case VALUES(INT64):
    case VALUES(TIME):
    case VALUES(TIMESTAMP):
    case VALUES(TIMESTAMPTZ):
        snprintf(into, 2048, "%lld", (long long)column->values.val.int64.ptr[row]);
        return;
    default:
        if (!rg_texts_of(column, &texts, error))
            return;
    }
    const uint8_t *data = texts.data + texts.offsets[row];
    size_t size = texts.offsets[row + 1] - texts.offsets[row];
    into[0] = 0;
    if (column->values.tag == VALUES(BYTES))
        for (size_t i = 0; i < size; i++)
            snprintf(into + 2 * i, 3, "%02x", data[i]);
    else
        snprintf(into, 2048, "%.*s", (int)size, (const char *)data);
}

static rg_source source_of(const char *table)
{
    static runner_migration_batches_column_request_t requests[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        requests[i].name = rg_str(columns[i].name);
        requests[i].read_as.is_some = true;
        requests[i].read_as.val = columns[i].type;
    }
    rg_source source = {.table = {.name = rg_str(table)}, .columns = {requests, COLUMNS}};
    return source;
}

static bool tell_table(const char *table, rg_error *error)
{
    rg_source source = source_of(table);
    runner_migration_batches_own_reader_t reader;
    if (!runner_migration_batches_read_table(&source, &reader, error))
        return false;
    bool good = true;
    while (good) {
        runner_migration_batches_option_batch_t next;
        good = runner_migration_batches_method_reader_next(runner_migration_batches_borrow_reader(reader), &next, error);
        if (!good || !next.is_some)
            break;
        for (uint32_t row = 0; good && row < next.val.row_count; row++)
            for (size_t i = 0; good && i < COLUMNS; i++) {
                char head[32], value[2048];
                rg_column *column = rg_column_of(&next.val, columns[i].name, error);
                good = column != NULL;
                if (!good)
                    break;
                show(column, row, value, error);
                snprintf(head, sizeof head, "%s %lld ", table, (long long)next.val.columns.ptr[0].values.val.int64.ptr[row]);
                good = tell(head, columns[i].name, value, error);
            }
        runner_migration_types_batch_free(&next.val);
    }
    runner_migration_batches_reader_drop_own(reader);
    return good;
}

static bool write_all(const char *table, rg_batch *first, rg_batch *second, uint64_t counts[3], rg_error *error)
{
    rg_target target = {.table = {.name = rg_str(table)}, .mode = RUNNER_MIGRATION_BATCHES_WRITE_MODE_INSERT};
    runner_migration_batches_own_writer_t writer;
    if (!runner_migration_batches_write(&target, &writer, error))
        return false;
    runner_migration_batches_borrow_writer_t borrowed = runner_migration_batches_borrow_writer(writer);
    bool good = (!first || runner_migration_batches_method_writer_write(borrowed, first, &counts[0], error)) &&
                runner_migration_batches_method_writer_write(borrowed, second, &counts[1], error) &&
                runner_migration_batches_method_writer_finish(borrowed, &counts[2], error);
    runner_migration_batches_writer_drop_own(writer);
    return good;
}

static bool tell_kind(const char *statement, rg_error *error)
{
    static const char *const kinds[] = {"denied", "syntax", "constraint"};
    rg_error failure;
    if (rg_execute(statement, NULL, 0, NULL, &failure))
        return tell(statement, "", "none", error);
    const char *kind = failure.kind < RG_COUNT(kinds) ? kinds[failure.kind] : "another";
    rg_error_free(&failure);
    return tell(statement, "", kind, error);
}

/* A column of NULLs alone, which has any type. */
static bool tell_nulls(rg_error *error)
{
    rg_string select = rg_str("SELECT NULL AS v FROM every ORDER BY id");
    runner_migration_batches_list_value_t none = {NULL, 0};
    runner_migration_batches_own_reader_t reader;
    runner_migration_batches_option_batch_t next;
    if (!runner_migration_batches_read(&select, &none, &reader, error) ||
        !runner_migration_batches_method_reader_next(runner_migration_batches_borrow_reader(reader), &next, error))
        return false;
    rg_column *column = rg_column_of(&next.val, "v", error);
    double *numbers = column ? rg_float64s(column, error) : NULL;
    unsigned zeros = 0, nulls = 0;
    char text[64];
    if (!numbers)
        return false;
    for (uint32_t row = 0; row < next.val.row_count; row++) {
        zeros += numbers[row] == 0;
        nulls += rg_is_null(column, row);
    }
    snprintf(text, sizeof text, "%u, %u", zeros, nulls);
    runner_migration_types_batch_free(&next.val);
    runner_migration_batches_reader_drop_own(reader);
    return tell("nulls alone", "", text, error);
}

bool migration_upgrade(rg_error *error)
{
    rg_batch none = given(0), all = given(ROWS);
    rg_string again = rg_str("again");
    rg_source every = source_of("every");
    rg_target copies = {.table = {.name = rg_str("copies")}, .mode = RUNNER_MIGRATION_BATCHES_WRITE_MODE_INSERT};
    rg_report report;
    rg_row_set asked;
    uint64_t counts[3];
    char text[128];
    if (!rg_texts_start(&lines, 200, 0, error) || !write_all("every", &none, &all, counts, error))
        return false;
    snprintf(text, sizeof text, "%llu", (unsigned long long)counts[0]);
    bool good = tell("an empty batch", "", text, error);
    snprintf(text, sizeof text, "%llu, %llu", (unsigned long long)counts[1], (unsigned long long)counts[2]);
    good = good && tell("written", "", text, error) && runner_migration_batches_transform(&again, &every, &copies, &report, error);
    if (!good)
        return false;
    snprintf(text, sizeof text, "%llu, %llu, %llu", (unsigned long long)report.rows_read, (unsigned long long)report.rows_written,
             (unsigned long long)report.chunks);
    if (!tell("transformed", "", text, error) || !tell_table("every", error) || !tell_table("copies", error) || !tell_nulls(error) ||
        !rg_query("SELECT count(*), (SELECT words FROM copies WHERE id = 1) FROM copies", NULL, 0, &asked, error))
        return false;
    rg_string words = asked.rows.ptr[0].ptr[1].val.text;
    snprintf(text, sizeof text, "%lld, %.*s", (long long)asked.rows.ptr[0].ptr[0].val.int64, (int)words.len, (const char *)words.ptr);
    rg_row_set_free(&asked);
    if (!tell("asked", "", text, error) || !tell_kind("SELECT FROM WHERE", error) || !tell_kind("INSERT INTO every (id) VALUES (1)", error) ||
        !tell_kind("COMMIT", error))
        return false;
    int64_t ids[200];
    for (uint32_t i = 0; i < lines.rows; i++)
        ids[i] = i;
    rg_column told[2] = {{.name = rg_str("id")}, {.name = rg_str("line")}};
    told[0].values.tag = VALUES(INT64);
    told[0].values.val.int64 = (data_migration_list_s64_t){ids, lines.rows};
    told[1].values.tag = VALUES(TEXT);
    told[1].values.val.text = (runner_migration_types_var_values_t){{lines.offsets, lines.rows + 1}, {lines.data, lines.size}};
    rg_batch batch = {lines.rows, {told, 2}};
    return write_all("told", NULL, &batch, counts, error);
}

bool migration_downgrade(rg_error *error)
{
    return rg_execute("DELETE FROM every", NULL, 0, NULL, error) && rg_execute("DELETE FROM copies", NULL, 0, NULL, error) &&
           rg_execute("DELETE FROM told", NULL, 0, NULL, error);
}

/* The same texts, in new columns. */
bool migration_transform(const char *name, rg_batch *batch, rg_error *error)
{
    for (size_t i = 0; i < batch->columns.len; i++) {
        rg_column *column = batch->columns.ptr + i;
        uint8_t tag = column->values.tag;
        if (tag != VALUES(TEXT) && tag != VALUES(BYTES) && tag != VALUES(DECIMAL) && tag != VALUES(JSON))
            continue;
        rg_texts texts;
        rg_texts_builder made;
        if (!rg_texts_of(column, &texts, error) || !rg_texts_start(&made, batch->row_count, texts.size, error))
            return false;
        for (uint32_t row = 0; row < batch->row_count; row++)
            if (!rg_texts_push(&made, texts.data + texts.offsets[row], texts.offsets[row + 1] - texts.offsets[row], error)) {
                rg_texts_drop(&made);
                return false;
            }
        if (!rg_texts_finish(&made, column, error))
            return false;
    }
    return true;
}
