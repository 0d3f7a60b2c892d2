/* Calls of everything that the host offers, and what it answers: the tests compare what each language is told.
 *
 * says error: no such country: Züri
 * says raised: unreachable
 * says batch: row id = 1: too many rows
 * says unreadable: no such country: Z��ri�
 * says unreadable: : Gen�ve */
#include "runner_guest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TYPE(name) RUNNER_MIGRATION_TYPES_COLUMN_TYPE_##name
#define VALUE(name) RUNNER_MIGRATION_TYPES_VALUE_##name
#define NAMES "id, truth, whole, fraction, words, octets, exact, d, clock, moment, instant, u, j"

typedef unsigned long long ull;

void migration_describe(rg_description *into)
{
    rg_summary(into, "calls of everything");
}

/* The lines that are told. There is no end of memory to think of: an error of a builder ends the migration. */
static rg_texts_builder lines;

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
    static char line[8192];
    rg_error error;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof line || !rg_texts_push(&lines, line, (size_t)size, &error))
        abort();
}

static bool on_postgres(void)
{
    return runner_migration_context_get_dialect() == RUNNER_MIGRATION_TYPES_DIALECT_POSTGRES;
}

/* A statement with the placeholder of its only parameter. */
static const char *with(char into[256], const char *format)
{
    snprintf(into, 256, format, on_postgres() ? "$1" : "?");
    return into;
}

static rg_value text_value(uint8_t tag, const char *text, size_t size)
{
    return (rg_value){.tag = tag, .val = {.text = {(uint8_t *)text, size}}};
}

static rg_value number(uint8_t tag, int64_t value)
{
    return (rg_value){.tag = tag, .val = {.int64 = value}};
}

static void hex(char *into, const uint8_t *bytes, size_t size)
{
    *into = 0;
    for (size_t i = 0; i < size; i++)
        snprintf(into + 2 * i, 3, "%02x", bytes[i]);
}

/* A value and its kind. */
static const char *told(const rg_value *value, char into[4096])
{
    static const char *const kinds[] = {"null", "boolean", "int64", "float64",   "text",        "bytes", "decimal",
                                        "date", "time",    "timestamp", "timestamptz", "uuid",  "json",  "native"};
    int size = snprintf(into, 4096, "%s ", kinds[value->tag]);
    char *rest = into + size;
    size_t room = 4096 - (size_t)size;
    uint64_t high, low, bits;
    switch (value->tag) {
    case VALUE(NULL):
        into[size - 1] = 0;
        break;
    case VALUE(BOOLEAN):
        snprintf(rest, room, "%s", value->val.boolean ? "true" : "false");
        break;
    case VALUE(FLOAT64):
        memcpy(&bits, &value->val.float64, sizeof bits);
        snprintf(rest, room, "%016llx", (ull)bits);
        break;
    case VALUE(BYTES):
        hex(rest, value->val.bytes.ptr, value->val.bytes.len);
        break;
    case VALUE(TEXT):
    case VALUE(DECIMAL):
    case VALUE(JSON):
        snprintf(rest, room, "%.*s", (int)value->val.text.len, (const char *)value->val.text.ptr);
        break;
    case VALUE(DATE):
        snprintf(rest, room, "%d", (int)value->val.date);
        break;
    case VALUE(UUID):
        high = value->val.uuid.f0;
        low = value->val.uuid.f1;
        snprintf(rest, room, "%08llx-%04llx-%04llx-%04llx-%012llx", (ull)(high >> 32), (ull)(high >> 16 & 0xffff), (ull)(high & 0xffff),
                 (ull)(low >> 48), (ull)(low & 0xffffffffffff));
        break;
    case VALUE(NATIVE):
        snprintf(rest, room, "%.*s %.*s", (int)value->val.native.type_name.len, (const char *)value->val.native.type_name.ptr,
                 (int)value->val.native.text.len, (const char *)value->val.native.text.ptr);
        break;
    default:
        snprintf(rest, room, "%lld", (long long)value->val.int64);
    }
    return into;
}

/* The kind of an error, which it frees. */
static const char *kind_of(rg_error *error)
{
    static const char *const kinds[] = {"denied", "syntax", "constraint", "conversion", "invalid-argument"};
    const char *kind = error->kind < RG_COUNT(kinds) ? kinds[error->kind] : "another";
    rg_error_free(error);
    return kind;
}

static int by_name(const void *one, const void *other)
{
    const runner_migration_context_parameter_t *left = one, *right = other;
    size_t size = left->name.len < right->name.len ? left->name.len : right->name.len;
    int order = memcmp(left->name.ptr, right->name.ptr, size);
    return order ? order : (int)left->name.len - (int)right->name.len;
}

static bool run(rg_error *error)
{
    static const char *const dialects[] = {"sqlite", "postgres", "mysql", "mariadb"};
    char text[4096];
    rg_string version;
    tell("dialect: %s", dialects[runner_migration_context_get_dialect()]);
    runner_migration_context_server_version(&version);
    tell("version: %.*s", (int)version.len, (const char *)version.ptr);
    data_migration_string_free(&version);
    tell("time: %lld", (long long)runner_migration_context_run_timestamp());
    tell("seed: %llu", (ull)runner_migration_context_seed());
    runner_migration_context_list_parameter_t parameters;
    runner_migration_context_parameters(&parameters);
    qsort(parameters.ptr, parameters.len, sizeof *parameters.ptr, by_name);
    for (size_t i = 0; i < parameters.len; i++)
        tell("parameter %.*s: %s", (int)parameters.ptr[i].name.len, (const char *)parameters.ptr[i].name.ptr,
             told(&parameters.ptr[i].value, text));
    runner_migration_context_list_parameter_free(&parameters);

    rg_string path = rg_str("deeper/words.bin"), missing = rg_str("missing.txt");
    runner_migration_context_own_asset_t asset;
    if (!runner_migration_context_open_asset(&path, &asset, error))
        return false;
    runner_migration_context_borrow_asset_t borrowed = runner_migration_context_borrow_asset(asset);
    size_t size = 0;
    for (data_migration_list_u8_t part;; data_migration_list_u8_free(&part)) {
        if (!runner_migration_context_method_asset_read(borrowed, 5, &part, error))
            return false;
        if (!part.len)
            break;
        hex(text + 2 * size, part.ptr, part.len);
        size += part.len;
    }
    tell("asset: %llu, %s", (ull)runner_migration_context_method_asset_size(borrowed), text);
    runner_migration_context_asset_drop_own(asset);
    if (runner_migration_context_open_asset(&missing, &asset, error))
        return rg_fail(error, "there is an asset that is missing");
    tell("no asset: %s", kind_of(error));

    rg_string debug = rg_str("debug ünï"), checks = rg_str("checks");
    uint64_t total = 2;
    runner_migration_context_log(RUNNER_MIGRATION_CONTEXT_LEVEL_DEBUG, &debug);
    rg_info("info %s", "🦉");
    rg_warning("warning");
    runner_migration_context_progress(1, &total, &checks);
    runner_migration_context_progress(2, NULL, &checks);
    return true;
}

/* A type that the contract has no case for. */
static bool native(rg_error *error)
{
    char text[4096];
    rg_value address = {.tag = VALUE(NATIVE), .val = {.native = {rg_str("inet"), rg_str("10.0.0.1/8")}}};
    rg_row_set found;
    if (!rg_query("SELECT CAST($1 AS inet)", &address, 1, &found, error))
        return false;
    tell("native: %s", told(found.rows.ptr[0].ptr, text));
    rg_row_set_free(&found);
    rg_string select = rg_str("SELECT CAST('fe80::1/64' AS inet) AS address");
    runner_migration_batches_list_value_t none = {NULL, 0};
    runner_migration_batches_own_reader_t reader;
    runner_migration_batches_option_batch_t batch;
    rg_texts texts;
    if (!runner_migration_batches_read(&select, &none, &reader, error) ||
        !runner_migration_batches_method_reader_next(runner_migration_batches_borrow_reader(reader), &batch, error) ||
        !rg_texts_of(batch.val.columns.ptr, &texts, error))
        return false;
    rg_string type = batch.val.columns.ptr->values.val.native.type_name;
    tell("native column: %.*s %.*s", (int)type.len, (const char *)type.ptr, (int)texts.size, (const char *)texts.data);
    runner_migration_types_batch_free(&batch.val);
    runner_migration_batches_reader_drop_own(reader);
    return true;
}

static bool scalars(rg_error *error)
{
    static char x[1000], y[100], line[4096];
    memset(x, 'x', sizeof x);
    memset(y, 'y', sizeof y);
    const char *words = "ünï 🦉 \U0010fffd";
    const rg_value rows[4][13] = {
        {rg_int64(1), rg_boolean(true), rg_int64(INT64_MAX), rg_float64(1.25), rg_text(words), text_value(VALUE(BYTES), "\0\xff\n", 3),
         text_value(VALUE(DECIMAL), "12.25", 5), {.tag = VALUE(DATE), .val = {.date = 20513}}, number(VALUE(TIME), 34200250000),
         number(VALUE(TIMESTAMP), 1772357400000001), number(VALUE(TIMESTAMPTZ), 1772357400000001),
         {.tag = VALUE(UUID), .val = {.uuid = {0x9b2f3c1e6d0a4f58, 0x8a771c2d3e4f5a6b}}}, text_value(VALUE(JSON), "{\"a\":1}", 7)},
        {rg_int64(2), rg_boolean(false), rg_int64(INT64_MIN), rg_float64(-0.1), rg_text(""), text_value(VALUE(BYTES), "", 0),
         text_value(VALUE(DECIMAL), "-7.75", 5), {.tag = VALUE(DATE), .val = {.date = -354285}}, number(VALUE(TIME), 0),
         number(VALUE(TIMESTAMP), -1), number(VALUE(TIMESTAMPTZ), -1), {.tag = VALUE(UUID), .val = {.uuid = {0, 1}}},
         text_value(VALUE(JSON), "\"text\"", 6)},
        {rg_int64(3)},
        {rg_int64(4), rg_boolean(true), rg_int64(0), rg_float64(1e300), text_value(VALUE(TEXT), x, sizeof x),
         text_value(VALUE(BYTES), y, sizeof y), text_value(VALUE(DECIMAL), "12345678.91", 11), {.tag = VALUE(DATE), .val = {.date = 2932896}},
         number(VALUE(TIME), 86399999999), number(VALUE(TIMESTAMP), 253402300799000000), number(VALUE(TIMESTAMPTZ), 253402300799000000),
         {.tag = VALUE(UUID), .val = {.uuid = {UINT64_MAX, UINT64_MAX}}}, text_value(VALUE(JSON), "[1,null]", 8)},
    };
    const char *insert = on_postgres() ? "INSERT INTO scalars (" NAMES ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
                                       : "INSERT INTO scalars (" NAMES ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    uint64_t inserted[4], updated;
    for (size_t i = 0; i < 4; i++)
        if (!rg_execute(insert, rows[i], 13, &inserted[i], error))
            return false;
    tell("inserted: %llu, %llu, %llu, %llu", (ull)inserted[0], (ull)inserted[1], (ull)inserted[2], (ull)inserted[3]);
    rg_row_set found;
    if (!rg_query("SELECT " NAMES " FROM scalars ORDER BY id", NULL, 0, &found, error))
        return false;
    for (size_t row = 0; row < found.rows.len; row++)
        for (size_t i = 0; i < found.columns.len; i++)
            tell("scalar %lld %.*s: %s", (long long)found.rows.ptr[row].ptr[0].val.int64, (int)found.columns.ptr[i].len,
                 (const char *)found.columns.ptr[i].ptr, told(&found.rows.ptr[row].ptr[i], line));
    rg_row_set_free(&found);
    char sql[256];
    rg_value three = rg_int64(3);
    if (!rg_execute(with(sql, "UPDATE scalars SET whole = 7 WHERE id < %s"), &three, 1, &updated, error))
        return false;
    tell("updated: %llu", (ull)updated);
    if (!rg_query("SELECT id FROM scalars WHERE id > 9", NULL, 0, &found, error))
        return false;
    tell("no rows: %zu", found.rows.len);
    rg_row_set_free(&found);
    return !on_postgres() || native(error);
}

/* Writes ids, numbers and texts, as many columns of them, to a writer. */
static bool write_rows(runner_migration_batches_own_writer_t writer, uint32_t rows, int64_t *ids, int64_t *ns, rg_texts_builder *names,
                       size_t has, uint64_t *written, rg_error *error)
{
    rg_column columns[3] = {{.name = rg_str("id")}, {.name = rg_str("n")}, {.name = rg_str("name")}};
    columns[0].values.tag = columns[1].values.tag = TYPE(INT64);
    columns[2].values.tag = TYPE(TEXT);
    columns[0].values.val.int64 = (data_migration_list_s64_t){ids, rows};
    columns[1].values.val.int64 = (data_migration_list_s64_t){ns, rows};
    if (names)
        columns[2].values.val.text = (runner_migration_types_var_values_t){{names->offsets, rows + 1}, {names->data, names->size}};
    rg_batch batch = {rows, {columns, has}};
    return runner_migration_batches_method_writer_write(runner_migration_batches_borrow_writer(writer), &batch, written, error);
}

static bool finish(runner_migration_batches_own_writer_t writer, uint64_t *all, rg_error *error)
{
    bool good = runner_migration_batches_method_writer_finish(runner_migration_batches_borrow_writer(writer), all, error);
    runner_migration_batches_writer_drop_own(writer);
    return good;
}

static bool fill(rg_error *error)
{
    enum { HALF = 20000 };
    static int64_t ids[HALF], ns[HALF];
    rg_target target = {.table = {.name = rg_str("many")}, .mode = RUNNER_MIGRATION_BATCHES_WRITE_MODE_INSERT};
    runner_migration_batches_own_writer_t writer;
    uint64_t written[2], all;
    if (!runner_migration_batches_write(&target, &writer, error))
        return false;
    for (int half = 0; half < 2; half++) {
        rg_texts_builder names;
        if (!rg_texts_start(&names, HALF, 0, error))
            return false;
        for (int row = 0; row < HALF; row++) {
            char name[64];
            ids[row] = half * HALF + row + 1;
            ns[row] = 3 * ids[row];
            int size = snprintf(name, sizeof name, "n%lld ü🦉", (long long)ids[row]);
            if (!rg_texts_push(&names, name, (size_t)size, error))
                return false;
        }
        if (!write_rows(writer, HALF, ids, ns, &names, 3, &written[half], error))
            return false;
        rg_texts_drop(&names);
    }
    if (!finish(writer, &all, error))
        return false;
    tell("many written: %llu, %llu, %llu", (ull)written[0], (ull)written[1], (ull)all);
    return true;
}

static bool transforms(rg_error *error)
{
    char filter[256];
    rg_value hundred = rg_int64(100);
    runner_migration_batches_column_request_t columns[] = {{.name = rg_str("n")}, {.name = rg_str("name")}};
    rg_source source = {.table = {.name = rg_str("many")}, .columns = {columns, 2}, .parameters = {&hundred, 1}}, all = {.table = {.name = rg_str("many")}};
    source.filter.is_some = true;
    source.filter.val = rg_str(with(filter, "id > %s"));
    rg_target many = {.table = {.name = rg_str("many")}, .mode = RUNNER_MIGRATION_BATCHES_WRITE_MODE_UPDATE};
    rg_target more = {.table = {.name = rg_str("more")}, .mode = RUNNER_MIGRATION_BATCHES_WRITE_MODE_INSERT};
    rg_string changed = rg_str("changed"), halved = rg_str("halved");
    rg_report report;
    if (!runner_migration_batches_transform(&changed, &source, &many, &report, error))
        return false;
    tell("many transformed: %llu, %llu, %llu", (ull)report.rows_read, (ull)report.rows_written, (ull)report.chunks);
    if (!runner_migration_batches_transform(&halved, &all, &more, &report, error))
        return false;
    tell("more transformed: %llu, %llu, %llu", (ull)report.rows_read, (ull)report.rows_written, (ull)report.chunks);
    return true;
}

static bool next(runner_migration_batches_own_reader_t reader, runner_migration_batches_option_batch_t *into, rg_error *error)
{
    return runner_migration_batches_method_reader_next(runner_migration_batches_borrow_reader(reader), into, error);
}

static bool read_many(rg_error *error)
{
    char text[256];
    rg_value five = rg_int64(5);
    rg_string select = rg_str(with(text, "SELECT id, n, name FROM many WHERE id > %s ORDER BY id DESC"));
    runner_migration_batches_list_value_t parameters = {&five, 1};
    runner_migration_batches_own_reader_t reader;
    if (!runner_migration_batches_read(&select, &parameters, &reader, error))
        return false;
    ull rows = 0;
    int64_t first = 0, sum = 0;
    uint32_t hash = 0;
    for (runner_migration_batches_option_batch_t batch;; runner_migration_types_batch_free(&batch.val)) {
        if (!next(reader, &batch, error))
            return false;
        if (!batch.is_some)
            break;
        rg_column *columns = batch.val.columns.ptr;
        int64_t *ids = rg_int64s(&columns[0], error), *ns = rg_int64s(&columns[1], error);
        rg_texts names;
        if (!ids || !ns || !rg_texts_of(&columns[2], &names, error))
            return false;
        if (!rows)
            first = ids[0];
        rows += batch.val.row_count;
        for (uint32_t row = 0; row < batch.val.row_count; row++)
            sum += ns[row];
        for (size_t i = 0; i < names.size; i++)
            hash = hash * 31 + names.data[i];
    }
    runner_migration_batches_reader_drop_own(reader);
    tell("many read: %llu, %lld, %lld, %lu", rows, (long long)first, (long long)sum, (unsigned long)hash);
    return true;
}

static bool read_more(rg_error *error)
{
    char filter[256];
    rg_value thousand = rg_int64(1000);
    rg_string key = rg_str("id");
    runner_migration_batches_column_request_t column = {.name = rg_str("n")};
    rg_source source = {.table = {.name = rg_str("more")}, .columns = {&column, 1}, .key = {&key, 1}, .parameters = {&thousand, 1}, .descending = true};
    rg_source all = {.table = {.name = rg_str("many")}};
    source.filter.is_some = true;
    source.filter.val = rg_str(with(filter, "id <= %s"));
    runner_migration_batches_own_reader_t reader;
    runner_migration_batches_option_batch_t batch;
    if (!runner_migration_batches_read_table(&source, &reader, error))
        return false;
    ull rows = 0;
    int64_t first = 0, last = 0;
    for (;; runner_migration_types_batch_free(&batch.val)) {
        if (!next(reader, &batch, error))
            return false;
        if (!batch.is_some)
            break;
        rg_column *id = rg_column_of(&batch.val, "id", error);
        int64_t *ids = id ? rg_int64s(id, error) : NULL;
        if (!ids)
            return false;
        if (!rows)
            first = ids[0];
        rows += batch.val.row_count;
        last = ids[batch.val.row_count - 1];
    }
    runner_migration_batches_reader_drop_own(reader);
    tell("more read: %llu, %lld, %lld", rows, (long long)first, (long long)last);
    /* One that is not read to its end. */
    if (!runner_migration_batches_read_table(&all, &reader, error) || !next(reader, &batch, error))
        return false;
    runner_migration_types_batch_free(&batch.val);
    runner_migration_batches_reader_drop_own(reader);
    return true;
}

static bool change_more(rg_error *error)
{
    static const char *const kinds[] = {"updated", "upserted", "deleted"};
    int64_t ids[3][2] = {{2, 4}, {4, 5}, {2}}, ns[3][2] = {{-1, -2}, {-3, -4}, {0}};
    rg_string key = rg_str("id");
    char text[3][4096];
    for (uint8_t i = 0; i < 3; i++) {
        rg_target target = {.table = {.name = rg_str("more")}, .mode = RUNNER_MIGRATION_BATCHES_WRITE_MODE_UPDATE + i};
        if (i == 0)
            target.key = (data_migration_list_string_t){&key, 1};
        runner_migration_batches_own_writer_t writer;
        rg_texts_builder names;
        uint64_t written, all;
        if (!rg_texts_start(&names, 2, 0, error) || !rg_texts_push(&names, "four", 4, error) || !rg_texts_push(&names, "five", 4, error) ||
            !runner_migration_batches_write(&target, &writer, error) ||
            !write_rows(writer, i == 2 ? 1 : 2, ids[i], ns[i], &names, (size_t[]){2, 3, 1}[i], &written, error) || !finish(writer, &all, error))
            return false;
        rg_texts_drop(&names);
        tell("more %s: %llu", kinds[i], (ull)all);
    }
    rg_row_set found;
    if (!rg_query("SELECT count(*), min(n), max(n) FROM more", NULL, 0, &found, error))
        return false;
    const rg_value *left = found.rows.ptr[0].ptr;
    tell("more left: %s, %s, %s", told(&left[0], text[0]), told(&left[1], text[1]), told(&left[2], text[2]));
    rg_row_set_free(&found);
    return true;
}

static void tell_first(const char *what, rg_source source)
{
    rg_error error;
    runner_migration_batches_own_reader_t reader;
    runner_migration_batches_option_batch_t batch;
    if (!runner_migration_batches_read_table(&source, &reader, &error)) {
        tell("%s: %s", what, kind_of(&error));
        return;
    }
    if (next(reader, &batch, &error))
        tell("%s: none", what);
    else
        tell("%s: %s", what, kind_of(&error));
    runner_migration_batches_reader_drop_own(reader);
}

static void errors(void)
{
    static const char *const statements[] = {"SELECT FROM WHERE", "SELECT nothing FROM nowhere",
                                             "INSERT INTO many (id, n, name) VALUES (1, 1, 'x')",
                                             "INSERT INTO many (id, n, name) VALUES (0, NULL, 'x')", "COMMIT"};
    for (size_t i = 0; i < RG_COUNT(statements); i++) {
        rg_error error;
        if (rg_execute(statements[i], NULL, 0, NULL, &error)) {
            tell("error %s: none", statements[i]);
            continue;
        }
        rg_error shown = error;
        error = (rg_error){.kind = shown.kind};
        rg_string detail = shown.detail.is_some ? shown.detail.val : (rg_string){NULL, 0};
        tell("error %s: %s|%.*s|%.*s|%.*s", statements[i], kind_of(&error), (int)shown.code.len, (const char *)shown.code.ptr,
             (int)shown.message.len, (const char *)shown.message.ptr, (int)detail.len, (const char *)detail.ptr);
        rg_error_free(&shown);
    }
    runner_migration_batches_column_request_t wrong = {.name = rg_str("name"), .read_as = {true, TYPE(INT64)}}, missing = {.name = rg_str("missing")};
    tell_first("conversion", (rg_source){.table = {.name = rg_str("many")}, .columns = {&wrong, 1}});
    tell_first("no column", (rg_source){.table = {.name = rg_str("many")}, .columns = {&missing, 1}});
    tell_first("no table", (rg_source){.table = {.name = rg_str("nowhere")}});
}

/* Fails, as the operator asks for it. */
static bool fail(rg_string how, rg_error *error)
{
    if (how.len == 5 && memcmp(how.ptr, "error", 5) == 0)
        return rg_fail(error, "no such country: %s", "Züri");
    if (how.len == 10 && memcmp(how.ptr, "unreadable", 10) == 0) {
        rg_info("%s", "Gen\xe8" "ve");
        return rg_fail(error, "no such country: %s", "Z\xfc\xe2ri\xf0");
    }
    if (how.len == 5 && memcmp(how.ptr, "batch", 5) == 0)
        return rg_execute("INSERT INTO many (id, n, name) VALUES (1, 1, 'x')", NULL, 0, NULL, error) &&
               rg_transform("fails", "many", NULL, 0, NULL, error);
    /* C has no exceptions, and the component no place to tell. */
    abort();
}

bool migration_upgrade(rg_error *error)
{
    runner_migration_context_list_parameter_t parameters;
    runner_migration_context_parameters(&parameters);
    for (size_t i = 0; i < parameters.len; i++)
        if (parameters.ptr[i].name.len == 7 && memcmp(parameters.ptr[i].name.ptr, "failing", 7) == 0)
            return fail(parameters.ptr[i].value.val.text, error);
    runner_migration_context_list_parameter_free(&parameters);
    if (!rg_texts_start(&lines, 200, 0, error) || !run(error) || !scalars(error) || !fill(error) || !transforms(error) || !read_many(error) ||
        !read_more(error) || !change_more(error))
        return false;
    errors();
    static int64_t ids[200];
    for (uint32_t i = 0; i < lines.rows; i++)
        ids[i] = i;
    rg_column told[2] = {{.name = rg_str("id")}, {.name = rg_str("line")}};
    told[0].values.tag = TYPE(INT64);
    told[0].values.val.int64 = (data_migration_list_s64_t){ids, lines.rows};
    told[1].values.tag = TYPE(TEXT);
    told[1].values.val.text = (runner_migration_types_var_values_t){{lines.offsets, lines.rows + 1}, {lines.data, lines.size}};
    rg_batch batch = {lines.rows, {told, 2}};
    rg_target target = {.table = {.name = rg_str("told")}, .mode = RUNNER_MIGRATION_BATCHES_WRITE_MODE_INSERT};
    runner_migration_batches_own_writer_t writer;
    uint64_t written;
    return runner_migration_batches_write(&target, &writer, error) &&
           runner_migration_batches_method_writer_write(runner_migration_batches_borrow_writer(writer), &batch, &written, error) &&
           finish(writer, &written, error);
}

bool migration_downgrade(rg_error *error)
{
    return rg_execute("DELETE FROM scalars", NULL, 0, NULL, error) && rg_execute("DELETE FROM many", NULL, 0, NULL, error) &&
           rg_execute("DELETE FROM more", NULL, 0, NULL, error) && rg_execute("DELETE FROM told", NULL, 0, NULL, error);
}

static bool changed(rg_batch *batch, rg_error *error)
{
    rg_column *n = rg_column_of(batch, "n", error), *name = n ? rg_column_of(batch, "name", error) : NULL;
    int64_t *ns = name ? rg_int64s(n, error) : NULL;
    rg_texts texts;
    rg_texts_builder made;
    if (!ns || !rg_texts_of(name, &texts, error) || !rg_texts_start(&made, batch->row_count, texts.size + batch->row_count, error))
        return false;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        char text[128];
        uint32_t size = texts.offsets[row + 1] - texts.offsets[row];
        ns[row]++;
        size = (uint32_t)snprintf(text, sizeof text, "%.*s!", (int)size, (const char *)texts.data + texts.offsets[row]);
        if (!rg_texts_push(&made, text, size, error))
            return false;
    }
    return rg_texts_finish(&made, name, error);
}

/* Every second row, in place: a batch may have fewer rows than it came with. */
static bool halved(rg_batch *batch, rg_error *error)
{
    rg_column *id = rg_column_of(batch, "id", error), *n = id ? rg_column_of(batch, "n", error) : NULL;
    rg_column *name = n ? rg_column_of(batch, "name", error) : NULL;
    int64_t *ids = name ? rg_int64s(id, error) : NULL, *ns = ids ? rg_int64s(n, error) : NULL;
    if (!ns)
        return false;
    runner_migration_types_var_values_t *texts = &name->values.val.text;
    uint32_t kept = 0, end = 0;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (ids[row] % 2)
            continue;
        uint32_t from = texts->offsets.ptr[row], size = texts->offsets.ptr[row + 1] - from;
        memmove(texts->data.ptr + end, texts->data.ptr + from, size);
        end += size;
        ids[kept] = ids[row];
        ns[kept] = ns[row];
        texts->offsets.ptr[++kept] = end;
    }
    batch->row_count = kept;
    id->values.val.int64.len = n->values.val.int64.len = kept;
    texts->offsets.len = kept + 1;
    texts->data.len = end;
    return true;
}

bool migration_transform(const char *name, rg_batch *batch, rg_error *error)
{
    if (strcmp(name, "changed") == 0)
        return changed(batch, error);
    return strcmp(name, "halved") == 0 ? halved(batch, error) : rg_fail(error, "{row %u}: too many rows", 0);
}
