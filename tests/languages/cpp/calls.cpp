// Calls of everything that the host offers, and what it answers: the tests compare what each language is told.
//
// says error: no such country: Züri
// says raised: unreachable
// says batch: row id = 1: too many rows
// says unreadable: no such country: Z��ri�
// says unreadable: : Gen�ve
#include "runner_guest.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <limits>
#include <map>
#include <numeric>
#include <string>

using std::string;
using std::string_view;
using std::to_string;
using std::vector;

#define TYPE(name) RUNNER_MIGRATION_TYPES_COLUMN_TYPE_##name
#define VALUE(name) RUNNER_MIGRATION_TYPES_VALUE_##name
#define MODE(name) RUNNER_MIGRATION_BATCHES_WRITE_MODE_##name

namespace {

const string names = "id, truth, whole, fraction, words, octets, exact, d, clock, moment, instant, u, j";

struct lines {
    vector<string> all;
    void tell(string line) { all.push_back(std::move(line)); }
};

bool on_postgres() { return runner_migration_context_get_dialect() == RUNNER_MIGRATION_TYPES_DIALECT_POSTGRES; }

/// The placeholder of a parameter.
string place(int number) { return on_postgres() ? "$" + to_string(number) : "?"; }

rg_value text_value(uint8_t tag, string_view text)
{
    rg_value made{.tag = tag, .val = {}};
    made.val.text = {reinterpret_cast<uint8_t *>(const_cast<char *>(text.data())), text.size()};
    return made;
}

rg_value number(uint8_t tag, int64_t value)
{
    rg_value made = rg_int64(value);
    made.tag = tag;
    return made;
}

rg_value date(int32_t days)
{
    rg_value made{.tag = VALUE(DATE), .val = {}};
    made.val.date = days;
    return made;
}

rg_value uuid(uint64_t high, uint64_t low)
{
    rg_value made{.tag = VALUE(UUID), .val = {}};
    made.val.uuid = {high, low};
    return made;
}

template <class... Arguments> string formatted(const char *format, Arguments... arguments)
{
    char text[64];
    snprintf(text, sizeof text, format, arguments...);
    return text;
}

string_view view(const rg_string &text) { return {reinterpret_cast<const char *>(text.ptr), text.len}; }

string hex(string_view bytes)
{
    string made;
    for (unsigned char byte : bytes)
        made += formatted("%02x", byte);
    return made;
}

/// A value and its kind.
string told(const rg_value &value)
{
    using ull = unsigned long long;
    switch (value.tag) {
    case VALUE(NULL):
        return "null";
    case VALUE(BOOLEAN):
        return value.val.boolean ? "boolean true" : "boolean false";
    case VALUE(INT64):
        return "int64 " + to_string(value.val.int64);
    case VALUE(FLOAT64):
        return "float64 " + formatted("%016llx", ull(std::bit_cast<uint64_t>(value.val.float64)));
    case VALUE(TEXT):
        return "text " + string(view(value.val.text));
    case VALUE(BYTES):
        return "bytes " + hex({reinterpret_cast<const char *>(value.val.bytes.ptr), value.val.bytes.len});
    case VALUE(DECIMAL):
        return "decimal " + string(view(value.val.decimal));
    case VALUE(DATE):
        return "date " + to_string(value.val.date);
    case VALUE(TIME):
        return "time " + to_string(value.val.time);
    case VALUE(TIMESTAMP):
        return "timestamp " + to_string(value.val.timestamp);
    case VALUE(TIMESTAMPTZ):
        return "timestamptz " + to_string(value.val.timestamptz);
    case VALUE(UUID): {
        ull high = value.val.uuid.f0, low = value.val.uuid.f1;
        return "uuid " + formatted("%08llx-%04llx-%04llx-%04llx-%012llx", high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48, low & 0xffffffffffff);
    }
    case VALUE(JSON):
        return "json " + string(view(value.val.json));
    default:
        return "native " + string(view(value.val.native.type_name)) + " " + string(view(value.val.native.text));
    }
}

string kind_of(const runner::error &error)
{
    static const char *const kinds[] = {"denied", "syntax", "constraint", "conversion", "invalid-argument"};
    return error.kind() < std::size(kinds) ? kinds[error.kind()] : "another";
}

runner::result<> run(lines &lines)
{
    static const char *const dialects[] = {"sqlite", "postgres", "mysql", "mariadb"};
    lines.tell(string("dialect: ") + dialects[runner_migration_context_get_dialect()]);
    rg_string version;
    runner_migration_context_server_version(&version);
    lines.tell("version: " + string(view(version)));
    data_migration_string_free(&version);
    lines.tell("time: " + to_string(runner_migration_context_run_timestamp()));
    lines.tell("seed: " + to_string(runner_migration_context_seed()));
    runner::parameters parameters;
    std::map<string, string> sorted;
    for (const auto &parameter : parameters.all())
        sorted[string(view(parameter.name))] = told(parameter.value);
    for (const auto &[name, value] : sorted)
        lines.tell("parameter " + name + ": " + value);
    RUNNER_TRY(asset, runner::asset::open("deeper/words.bin"));
    vector<char> bytes;
    for (;;) {
        RUNNER_TRY(read, asset.read(bytes, 5));
        if (!read)
            break;
    }
    lines.tell("asset: " + to_string(asset.size()) + ", " + hex({bytes.data(), bytes.size()}));
    auto missing = runner::asset::open("missing.txt");
    lines.tell("no asset: " + (missing ? "none" : kind_of(missing.error())));
    rg_string debug = rg_str("debug ünï"), checks = rg_str("checks");
    uint64_t total = 2;
    runner_migration_context_log(RUNNER_MIGRATION_CONTEXT_LEVEL_DEBUG, &debug);
    rg_info("info %s", "🦉");
    rg_warning("warning");
    runner_migration_context_progress(1, &total, &checks);
    runner_migration_context_progress(2, nullptr, &checks);
    return {};
}

runner::result<> scalars(lines &lines)
{
    string places = place(1);
    for (int i = 2; i <= 13; i++)
        places += ", " + place(i);
    string insert = "INSERT INTO scalars (" + names + ") VALUES (" + places + ")";
    string x(1000, 'x'), y(100, 'y');
    RUNNER_TRY(first, runner::execute(insert,
                                      {rg_int64(1), rg_boolean(true), rg_int64(std::numeric_limits<int64_t>::max()), rg_float64(1.25),
                                       rg_text("ünï 🦉 \U0010fffd"), text_value(VALUE(BYTES), string_view("\0\xff\n", 3)), text_value(VALUE(DECIMAL), "12.25"),
                                       date(20513), number(VALUE(TIME), 34200250000), number(VALUE(TIMESTAMP), 1772357400000001),
                                       number(VALUE(TIMESTAMPTZ), 1772357400000001), uuid(0x9b2f3c1e6d0a4f58, 0x8a771c2d3e4f5a6b),
                                       text_value(VALUE(JSON), "{\"a\":1}")}));
    RUNNER_TRY(second, runner::execute(insert,
                                       {rg_int64(2), rg_boolean(false), rg_int64(std::numeric_limits<int64_t>::min()), rg_float64(-0.1), rg_text(""),
                                        text_value(VALUE(BYTES), ""), text_value(VALUE(DECIMAL), "-7.75"), date(-354285), number(VALUE(TIME), 0),
                                        number(VALUE(TIMESTAMP), -1), number(VALUE(TIMESTAMPTZ), -1), uuid(0, 1), text_value(VALUE(JSON), "\"text\"")}));
    RUNNER_TRY(third, runner::execute(insert, {rg_int64(3), rg_null(), rg_null(), rg_null(), rg_null(), rg_null(), rg_null(), rg_null(),
                                                       rg_null(), rg_null(), rg_null(), rg_null(), rg_null()}));
    RUNNER_TRY(fourth, runner::execute(insert,
                                       {rg_int64(4), rg_boolean(true), rg_int64(0), rg_float64(1e300), text_value(VALUE(TEXT), x), text_value(VALUE(BYTES), y),
                                        text_value(VALUE(DECIMAL), "12345678.91"), date(2932896), number(VALUE(TIME), 86399999999),
                                        number(VALUE(TIMESTAMP), 253402300799000000), number(VALUE(TIMESTAMPTZ), 253402300799000000),
                                        uuid(UINT64_MAX, UINT64_MAX), text_value(VALUE(JSON), "[1,null]")}));
    lines.tell("inserted: " + to_string(first) + ", " + to_string(second) + ", " + to_string(third) + ", " + to_string(fourth));
    RUNNER_TRY(found, runner::query("SELECT " + names + " FROM scalars ORDER BY id"));
    for (size_t row = 0; row < found.size(); row++) {
        string_view rest = names;
        for (const rg_value &value : found[row]) {
            string_view name = rest.substr(0, rest.find(','));
            rest.remove_prefix(std::min(name.size() + 2, rest.size()));
            lines.tell("scalar " + to_string(found[row][0].val.int64) + " " + string(name) + ": " + told(value));
        }
    }
    RUNNER_TRY(updated, runner::execute("UPDATE scalars SET whole = 7 WHERE id < " + place(1), {rg_int64(3)}));
    lines.tell("updated: " + to_string(updated));
    RUNNER_TRY(none, runner::query("SELECT id FROM scalars WHERE id > 9"));
    lines.tell("no rows: " + to_string(none.size()));
    if (!on_postgres())
        return {};
    // A type that the contract has no case for.
    rg_value address{.tag = VALUE(NATIVE), .val = {}};
    address.val.native = {rg_str("inet"), rg_str("10.0.0.1/8")};
    RUNNER_TRY(asked, runner::query("SELECT CAST($1 AS inet)", {address}));
    lines.tell("native: " + told(asked[0][0]));
    RUNNER_TRY(reader, runner::read("SELECT CAST('fe80::1/64' AS inet) AS address"));
    RUNNER_TRY(rows, reader.next());
    RUNNER_TRY(column, rows->column("address"));
    RUNNER_TRY(text, column.text(0));
    lines.tell("native column: " + string(view(column.raw()->values.val.native.type_name)) + " " + string(text));
    return {};
}

string shown(const rg_report &report)
{
    return to_string(report.rows_read) + ", " + to_string(report.rows_written) + ", " + to_string(report.chunks);
}

/// Writes one batch, and returns what the writer says at its end.
runner::result<uint64_t> write(const runner::target &target, runner::new_batch rows)
{
    RUNNER_TRY(writer, runner::write(target));
    RUNNER_CHECK(writer.write(rows));
    return writer.finish();
}

runner::result<> many(lines &lines)
{
    string written;
    RUNNER_TRY(writer, runner::write(runner::target(MODE(INSERT), "many")));
    for (int64_t before : {0, 20000}) {
        vector<int64_t> ids(20000), ns;
        vector<string> texts;
        std::iota(ids.begin(), ids.end(), before + 1);
        for (int64_t id : ids) {
            ns.push_back(3 * id);
            texts.push_back("n" + to_string(id) + " ü🦉");
        }
        runner::new_batch rows(20000);
        rows.int64s("id", ids).int64s("n", ns).texts("name", TYPE(TEXT), texts);
        RUNNER_TRY(some, writer.write(rows));
        written += to_string(some) + ", ";
    }
    RUNNER_TRY(all, writer.finish());
    lines.tell("many written: " + written + to_string(all));
    string after = "id > " + place(1), before = "id <= " + place(1);
    runner::source source("many");
    source.column("n").column("name").filter(after, {rg_int64(100)});
    RUNNER_TRY(changed, runner::transform("changed", source, runner::target(MODE(UPDATE), "many")));
    lines.tell("many transformed: " + shown(changed));
    RUNNER_TRY(halved, runner::transform("halved", runner::source("many"), runner::target(MODE(INSERT), "more")));
    lines.tell("more transformed: " + shown(halved));

    uint32_t read = 0, hash = 0;
    int64_t first = 0, sum = 0;
    string select = "SELECT id, n, name FROM many WHERE id > " + place(1) + " ORDER BY id DESC";
    RUNNER_TRY(reader, runner::read(select, {rg_int64(5)}));
    for (;;) {
        RUNNER_TRY(rows, reader.next());
        if (!rows)
            break;
        RUNNER_TRY(id, rows->column("id"));
        RUNNER_TRY(ids, id.int64s());
        RUNNER_TRY(n, rows->column("n"));
        RUNNER_TRY(ns, n.int64s());
        RUNNER_TRY(name, rows->column("name"));
        RUNNER_TRY(bytes, name.bytes());
        first = read ? first : ids[0];
        read += rows->size();
        sum = std::accumulate(ns.begin(), ns.end(), sum);
        for (unsigned char byte : bytes)
            hash = hash * 31 + byte;
    }
    lines.tell("many read: " + to_string(read) + ", " + to_string(first) + ", " + to_string(sum) + ", " + to_string(hash));

    vector<int64_t> found;
    runner::source more("more");
    more.column("n").key("id").filter(before, {rg_int64(1000)}).descending();
    RUNNER_TRY(descending, runner::read_table(more));
    for (;;) {
        RUNNER_TRY(rows, descending.next());
        if (!rows)
            break;
        RUNNER_TRY(id, rows->column("id"));
        RUNNER_TRY(ids, id.int64s());
        found.insert(found.end(), ids.begin(), ids.end());
    }
    lines.tell("more read: " + to_string(found.size()) + ", " + to_string(found.front()) + ", " + to_string(found.back()));
    // One that is not read to its end.
    RUNNER_TRY(left_early, runner::read_table(runner::source("many")));
    RUNNER_CHECK(left_early.next());

    const vector<int64_t> two_four{2, 4}, minus{-1, -2}, four_five{4, 5}, more_minus{-3, -4}, two{2};
    runner::new_batch update(2), upsert(2), remove(1);
    update.int64s("id", two_four).int64s("n", minus);
    upsert.int64s("id", four_five).int64s("n", more_minus).texts("name", TYPE(TEXT), vector<string_view>{"four", "five"});
    remove.int64s("id", two);
    RUNNER_TRY(updated, write(runner::target(MODE(UPDATE), "more").key("id"), std::move(update)));
    RUNNER_TRY(upserted, write(runner::target(MODE(UPSERT), "more"), std::move(upsert)));
    RUNNER_TRY(deleted, write(runner::target(MODE(DELETE), "more"), std::move(remove)));
    lines.tell("more updated: " + to_string(updated));
    lines.tell("more upserted: " + to_string(upserted));
    lines.tell("more deleted: " + to_string(deleted));
    RUNNER_TRY(left, runner::query("SELECT count(*), min(n), max(n) FROM more"));
    lines.tell("more left: " + told(left[0][0]) + ", " + told(left[0][1]) + ", " + told(left[0][2]));
    return {};
}

string first_of(const runner::source &source)
{
    auto reader = runner::read_table(source);
    if (!reader)
        return kind_of(reader.error());
    auto rows = reader->next();
    return rows ? "none" : kind_of(rows.error());
}

runner::result<> errors(lines &lines)
{
    for (const char *statement : {"SELECT FROM WHERE", "SELECT nothing FROM nowhere", "INSERT INTO many (id, n, name) VALUES (1, 1, 'x')",
                                  "INSERT INTO many (id, n, name) VALUES (0, NULL, 'x')", "COMMIT"}) {
        auto done = runner::execute(statement);
        if (done) {
            lines.tell(string("error ") + statement + ": none, " + to_string(*done));
            continue;
        }
        const runner::error &why = done.error();
        lines.tell(string("error ") + statement + ": " + kind_of(why) + "|" + string(why.code()) + "|" + string(why.message()) + "|" +
                   string(why.detail()));
    }
    lines.tell("conversion: " + first_of(runner::source("many").column("name", TYPE(INT64))));
    lines.tell("no column: " + first_of(runner::source("many").column("missing")));
    lines.tell("no table: " + first_of(runner::source("nowhere")));
    return {};
}

/// Fails, as the operator asks for it.
runner::result<> fail(string_view how)
{
    if (how == "error")
        return runner::fail("no such country: %s", "Züri");
    if (how == "unreadable") {
        rg_info("%s", "Gen\xe8" "ve");
        return runner::fail("no such country: %s", "Z\xfc\xe2ri\xf0");
    }
    if (how == "batch") {
        RUNNER_CHECK(runner::execute("INSERT INTO many (id, n, name) VALUES (1, 1, 'x')"));
        RUNNER_CHECK(runner::transform("fails", "many"));
    }
    // Without exceptions, this is all that `std::vector::at` could do.
    std::abort();
}

} // namespace

struct calls {
    static const char *summary() { return "calls of everything"; }

    static runner::result<> upgrade()
    {
        runner::parameters parameters;
        if (const rg_value *how = parameters.find("failing"))
            return fail(view(how->val.text));
        lines lines;
        for (auto part : {run, scalars, many, errors})
            RUNNER_CHECK(part(lines));
        vector<int64_t> ids(lines.all.size());
        std::iota(ids.begin(), ids.end(), 0);
        runner::new_batch rows(uint32_t(ids.size()));
        rows.int64s("id", ids).texts("line", TYPE(TEXT), lines.all);
        RUNNER_CHECK(write(runner::target(MODE(INSERT), "told"), std::move(rows)));
        return {};
    }

    static runner::result<> downgrade()
    {
        for (const char *statement : {"DELETE FROM scalars", "DELETE FROM many", "DELETE FROM more", "DELETE FROM told"})
            RUNNER_CHECK(runner::execute(statement));
        return {};
    }

    static runner::result<> transform(string_view name, runner::batch &rows)
    {
        if (name == "fails")
            return runner::fail("{row %u}: too many rows", 0);
        RUNNER_TRY(n, rows.column("n"));
        RUNNER_TRY(ns, n.int64s());
        RUNNER_TRY(text, rows.column("name"));
        if (name == "changed") {
            for (int64_t &number : ns)
                number++;
            return text.map_texts([](vector<char> &to, string_view text) {
                to.insert(to.end(), text.begin(), text.end());
                to.push_back('!');
            });
        }
        // Every second row, in place: a batch may have fewer rows than it came with.
        RUNNER_TRY(id, rows.column("id"));
        RUNNER_TRY(ids, id.int64s());
        auto &texts = text.raw()->values.val.text;
        uint32_t kept = 0, end = 0;
        for (uint32_t row = 0; row < rows.size(); row++) {
            if (ids[row] % 2)
                continue;
            uint32_t from = texts.offsets.ptr[row], size = texts.offsets.ptr[row + 1] - from;
            std::copy_n(texts.data.ptr + from, size, texts.data.ptr + end);
            end += size;
            ids[kept] = ids[row];
            ns[kept] = ns[row];
            texts.offsets.ptr[++kept] = end;
        }
        rows.raw()->row_count = kept;
        id.raw()->values.val.int64.len = n.raw()->values.val.int64.len = kept;
        texts.offsets.len = kept + 1;
        texts.data.len = end;
        return {};
    }
};

RUNNER_MIGRATION(calls)
