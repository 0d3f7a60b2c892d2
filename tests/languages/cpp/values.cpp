// Values of every type, written, read and told: the tests compare what each language makes of them, byte by byte.
#include "runner_guest.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <limits>
#include <ranges>
#include <string>

using std::string;
using std::string_view;

#define TYPE(name) RUNNER_MIGRATION_TYPES_COLUMN_TYPE_##name

namespace {

const struct {
    const char *name;
    uint8_t type;
} fields[] = {
    {"id", TYPE(INT64)},     {"truth", TYPE(BOOLEAN)}, {"whole", TYPE(INT64)}, {"fraction", TYPE(FLOAT64)}, {"words", TYPE(TEXT)},
    {"octets", TYPE(BYTES)}, {"exact", TYPE(DECIMAL)}, {"d", TYPE(DATE)},      {"clock", TYPE(TIME)},       {"moment", TYPE(TIMESTAMP)},
    {"instant", TYPE(TIMESTAMPTZ)}, {"u", TYPE(UUID)}, {"j", TYPE(JSON)},
};

template <class T> std::vector<T> first(std::vector<T> all, uint32_t rows)
{
    all.resize(rows);
    return all;
}

/// The rows, or as many of the first.
struct given {
    uint32_t rows;
    std::vector<uint8_t> nulls = first<uint8_t>({0, 0, 1, 0}, rows), truth = first<uint8_t>({1, 0, 0, 1}, rows);
    std::vector<int64_t> id = first<int64_t>({1, 2, 3, 4}, rows);
    std::vector<int64_t> whole = first<int64_t>({std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(), 0, 0}, rows);
    std::vector<double> fraction = first<double>({1.25, -0.1, 0, 1e300}, rows);
    std::vector<int32_t> d = first<int32_t>({20513, -354285, 0, 2932896}, rows);
    std::vector<int64_t> clock = first<int64_t>({34200250000, 0, 0, 86399999999}, rows);
    std::vector<int64_t> moment = first<int64_t>({1772357400000001, -1, 0, 253402300799000000}, rows);
    std::vector<uint64_t> u = first<uint64_t>({0x9b2f3c1e6d0a4f58, 0x8a771c2d3e4f5a6b, 0, 1, 0, 0, UINT64_MAX, UINT64_MAX}, 2 * rows);

    runner::new_batch batch() const
    {
        runner::new_batch made(rows);
        made.int64s("id", id)
            .booleans("truth", truth, nulls)
            .int64s("whole", whole, nulls)
            .float64s("fraction", fraction, nulls)
            .texts("words", TYPE(TEXT), first<string>({"ünï 🦉", "", "", string(1000, 'x')}, rows), nulls)
            .texts("octets", TYPE(BYTES), first<string>({string("\0\xff\n", 3), "", "", string(100, 'y')}, rows), nulls)
            .texts("exact", TYPE(DECIMAL), first<string>({"12.25", "-7.75", "0", "12345678.91"}, rows), nulls)
            .dates("d", d, nulls)
            .times("clock", TYPE(TIME), clock, nulls)
            .times("moment", TYPE(TIMESTAMP), moment, nulls)
            .times("instant", TYPE(TIMESTAMPTZ), moment, nulls)
            .uuids("u", u, nulls)
            .texts("j", TYPE(JSON), first<string>({"{\"a\":1}", "\"text\"", "null", "[1,null]"}, rows), nulls);
        return made;
    }
};

template <class... Arguments> string formatted(const char *format, Arguments... arguments)
{
    char text[64];
    snprintf(text, sizeof text, format, arguments...);
    return text;
}

string hex(string_view bytes)
{
    string made;
    for (unsigned char byte : bytes)
        made += formatted("%02x", byte);
    return made;
}

runner::result<string> told(const runner::column &column, uint32_t row)
{
    if (column.is_null(row))
        return "NULL";
    switch (column.raw()->values.tag) {
    case TYPE(BOOLEAN): {
        RUNNER_TRY(values, column.booleans());
        return values[row] ? "true" : "false";
    }
    case TYPE(INT64): {
        RUNNER_TRY(values, column.int64s());
        return std::to_string(values[row]);
    }
    case TYPE(FLOAT64): {
        RUNNER_TRY(values, column.float64s());
        return formatted("%016llx", static_cast<unsigned long long>(std::bit_cast<uint64_t>(values[row])));
    }
    case TYPE(DATE): {
        RUNNER_TRY(values, column.dates());
        return std::to_string(values[row]);
    }
    case TYPE(TIME):
    case TYPE(TIMESTAMP):
    case TYPE(TIMESTAMPTZ): {
        RUNNER_TRY(values, column.times());
        return std::to_string(values[row]);
    }
    case TYPE(UUID): {
        RUNNER_TRY(values, column.uuids());
        auto high = static_cast<unsigned long long>(values[2 * row]), low = static_cast<unsigned long long>(values[2 * row + 1]);
        return formatted("%08llx-%04llx-%04llx-%04llx-%012llx", high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48, low & 0xffffffffffff);
    }
    default: {
        RUNNER_TRY(text, column.text(row));
        return column.raw()->values.tag == TYPE(BYTES) ? hex(text) : string(text);
    }
    }
}

string kind_of(const char *statement)
{
    static const char *const kinds[] = {"denied", "syntax", "constraint"};
    auto done = runner::execute(statement);
    if (done)
        return "none";
    return done.error().kind() < std::size(kinds) ? kinds[done.error().kind()] : "another";
}

runner::source source_of(const char *table)
{
    runner::source source(table);
    for (const auto &field : fields)
        source.column(field.name, field.type);
    return source;
}

constexpr uint8_t INSERT = RUNNER_MIGRATION_BATCHES_WRITE_MODE_INSERT;

} // namespace

struct values {
    static const char *summary() { return "values of every type"; }

    static runner::result<> tell_table(std::vector<string> &lines, const char *table)
    {
        RUNNER_TRY(reader, runner::read_table(source_of(table)));
        for (;;) {
            RUNNER_TRY(rows, reader.next());
            if (!rows)
                return {};
            RUNNER_TRY(column, rows->column("id"));
            RUNNER_TRY(ids, column.int64s());
            for (uint32_t row = 0; row < rows->size(); row++)
                for (const auto &field : fields) {
                    RUNNER_TRY(column, rows->column(field.name));
                    RUNNER_TRY(value, told(column, row));
                    lines.push_back(string(table) + " " + std::to_string(ids[row]) + " " + field.name + ": " + value);
                }
        }
    }

    static runner::result<> upgrade()
    {
        std::vector<string> lines;
        given none{0}, all{4};
        runner::new_batch empty = none.batch(), full = all.batch();
        RUNNER_TRY(writer, runner::write(runner::target(INSERT, "every")));
        RUNNER_TRY(nothing, writer.write(empty));
        lines.push_back("an empty batch: " + std::to_string(nothing));
        RUNNER_TRY(written, writer.write(full));
        RUNNER_TRY(finished, writer.finish());
        lines.push_back("written: " + std::to_string(written) + ", " + std::to_string(finished));
        RUNNER_TRY(report, runner::transform("again", source_of("every"), runner::target(INSERT, "copies")));
        lines.push_back("transformed: " + std::to_string(report.rows_read) + ", " + std::to_string(report.rows_written) + ", " +
                        std::to_string(report.chunks));
        RUNNER_CHECK(tell_table(lines, "every"));
        RUNNER_CHECK(tell_table(lines, "copies"));
        RUNNER_TRY(reader, runner::read("SELECT NULL AS v FROM every ORDER BY id"));
        RUNNER_TRY(alone, reader.next());
        RUNNER_TRY(nulls, alone->column("v"));
        RUNNER_TRY(numbers, nulls.float64s());
        auto is_null = [&nulls](uint32_t row) { return nulls.is_null(row); };
        lines.push_back("nulls alone: " + std::to_string(numbers.size()) + ", " +
                        std::to_string(std::ranges::count_if(std::views::iota(0u, alone->size()), is_null)));
        RUNNER_TRY(asked, runner::query("SELECT count(*), (SELECT words FROM copies WHERE id = 1) FROM copies"));
        const rg_string &words = asked[0][1].val.text;
        lines.push_back("asked: " + std::to_string(asked[0][0].val.int64) + ", " + string(reinterpret_cast<char *>(words.ptr), words.len));
        for (const char *statement : {"SELECT FROM WHERE", "INSERT INTO every (id) VALUES (1)", "COMMIT"})
            lines.push_back(string(statement) + ": " + kind_of(statement));
        std::vector<int64_t> ids;
        for (size_t i = 0; i < lines.size(); i++)
            ids.push_back(int64_t(i));
        runner::new_batch told(uint32_t(lines.size()));
        told.int64s("id", ids).texts("line", TYPE(TEXT), lines);
        RUNNER_TRY(teller, runner::write(runner::target(INSERT, "told")));
        RUNNER_CHECK(teller.write(told));
        RUNNER_CHECK(teller.finish());
        return {};
    }

    static runner::result<> downgrade()
    {
        for (const char *table : {"every", "copies", "told"})
            RUNNER_CHECK(runner::execute(string("DELETE FROM ") + table));
        return {};
    }

    /// The same texts, in new columns.
    static runner::result<> transform(string_view, runner::batch &rows)
    {
        for (const char *name : {"words", "octets", "exact", "j"}) {
            RUNNER_TRY(column, rows.column(name));
            RUNNER_CHECK(column.map_texts([](std::vector<char> &to, string_view text) { to.insert(to.end(), text.begin(), text.end()); }));
        }
        return {};
    }
};

RUNNER_MIGRATION(values)
