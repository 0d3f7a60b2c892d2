// Migrations for runner in C++: `runner_guest.h` with ownership in types. C++23, without exceptions.
//
// A migration is a class with static functions, which `RUNNER_MIGRATION` exports:
//
//     struct tidy_names {
//         static const char *summary();
//         static runner::result<> upgrade();
//         static runner::result<> downgrade();
//         static runner::result<> transform(std::string_view name, runner::batch &rows);
//     };
//     RUNNER_MIGRATION(tidy_names)
//
// It may have more static functions, public like the others:
//
//     static std::vector<runner::need> needs();
//     static bool irreversible();                    // true: `rollback` is refused before it begins
//     static uint8_t mode();                         // RUNNER_MIGRATION_DESCRIPTION_TYPES_MODE_…, AUTO without it
//     static std::vector<uint8_t> dialects();        // RUNNER_MIGRATION_TYPES_DIALECT_…, all without it
//     static std::vector<std::string> depends_on();  // earlier revisions that must be applied
//
// Who owns what:
//
// - `error`, `rows`, `texts_builder`, `read_batch`, `new_batch`, `reader`, `writer`, `asset` and `parameters` own what is in them: they can be moved and
//   not copied, and free it at their end.
// - `batch`, `column` and the spans and views that they return belong to the host or to a `read_batch`, and are valid as long as the call
//   that they were given to, or as long as it.
// - What functions of the host take is borrowed for the call; a `source`, a `target` and a `new_batch` borrow what they were given. Names and
//   statements are any `std::string_view`.
//
// A function that can fail returns `runner::result<T>`, a `std::expected`: `RUNNER_TRY(name, call)` takes the value or returns the
// error. For what is not here there is the C header, whose functions and types can be used beside these.
#pragma once

#include <cstdlib>
#include <expected>
#include <initializer_list>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "runner_guest.h"

namespace runner {

namespace detail {

/// A text that is borrowed, as C has it.
inline rg_string text(std::string_view text) noexcept
{
    return {reinterpret_cast<uint8_t *>(const_cast<char *>(text.data())), text.size()};
}

/// A text of C.
inline std::string_view view(const rg_string &text) noexcept
{
    return {reinterpret_cast<const char *>(text.ptr), text.len};
}

} // namespace detail

/// Why something failed.
class error {
public:
    /// Takes over an error that a function of the C header filled.
    explicit error(const rg_error &filled) noexcept : raw_(filled) {}
    error(error &&other) noexcept : raw_(std::exchange(other.raw_, rg_error{})) {}
    error &operator=(error &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~error() { rg_error_free(&raw_); }

    /// What happened.
    std::string_view message() const noexcept { return runner::detail::view(raw_.message); }
    /// The database's own code; empty if it is not the database's error.
    std::string_view code() const noexcept { return runner::detail::view(raw_.code); }
    /// One of `RUNNER_MIGRATION_TYPES_ERROR_KIND_…`.
    uint8_t kind() const noexcept { return raw_.kind; }
    /// More of what happened, such as table, column and row key; empty if there is no more.
    std::string_view detail() const noexcept { return raw_.detail.is_some ? runner::detail::view(raw_.detail.val) : std::string_view(); }
    /// Gives it up, to a function of C that returns it.
    rg_error release() noexcept { return std::exchange(raw_, rg_error{}); }

private:
    rg_error raw_;
};

/// A value, or why there is none.
template <class T = void> using result = std::expected<T, error>;

/// An error with a message in the manner of `printf`. In a batch function, `{row 17}` in it is a row of the batch that it was given, whose
/// key and values the operator is told: `runner::fail("{row %u}: no such country", row)`.
template <class... Arguments> std::unexpected<error> fail(const char *format, Arguments... arguments)
{
    static_assert(((std::is_arithmetic_v<Arguments> || std::is_pointer_v<Arguments> || std::is_enum_v<Arguments>) && ...),
                  "a text is given as \"%.*s\", int(text.size()), text.data()");
    rg_error filled;
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-security"
    rg_fail(&filled, format, arguments...);
#pragma clang diagnostic pop
    return std::unexpected<error>(error(filled));
}

/// `auto NAME` is the value of a call; or its error is returned.
#define RUNNER_TRY(name, call)                                                                                                     \
    auto name##_or_error = (call);                                                                                                 \
    if (!name##_or_error)                                                                                                          \
        return std::unexpected(std::move(name##_or_error).error());                                                                \
    [[maybe_unused]] auto name = *std::move(name##_or_error)

/// The error of a call that has no value is returned.
#define RUNNER_CHECK(call)                                                                                                         \
    do {                                                                                                                           \
        if (auto failed_or_not = (call); !failed_or_not)                                                                           \
            return std::unexpected(std::move(failed_or_not).error());                                                              \
    } while (false)

/// A small result.
class rows {
public:
    explicit rows(const rg_row_set &filled) noexcept : raw_(filled) {}
    rows(rows &&other) noexcept : raw_(std::exchange(other.raw_, rg_row_set{})) {}
    rows &operator=(rows &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~rows() { rg_row_set_free(&raw_); }

    size_t size() const noexcept { return raw_.rows.len; }
    /// The values of a row.
    std::span<const rg_value> operator[](size_t row) const noexcept { return {raw_.rows.ptr[row].ptr, raw_.rows.ptr[row].len}; }

private:
    rg_row_set raw_;
};

/// Executes one statement, and returns the number of rows that it changed. Values are made by `rg_int64` and the like.
inline result<uint64_t> execute(std::string_view sql, std::initializer_list<rg_value> parameters = {})
{
    rg_error failure;
    rg_string statement = detail::text(sql);
    runner_migration_sql_list_value_t values = {const_cast<rg_value *>(parameters.begin()), parameters.size()};
    uint64_t changed = 0;
    if (!runner_migration_sql_execute(&statement, &values, &changed, &failure))
        return std::unexpected(error(failure));
    return changed;
}

/// Runs a query with a small result.
inline result<rows> query(std::string_view sql, std::initializer_list<rg_value> parameters = {})
{
    rg_error failure;
    rg_string statement = detail::text(sql);
    runner_migration_sql_list_value_t values = {const_cast<rg_value *>(parameters.begin()), parameters.size()};
    rg_row_set found;
    if (!runner_migration_sql_query(&statement, &values, &found, &failure))
        return std::unexpected(error(failure));
    return rows(found);
}

/// New texts for a column, of other lengths.
class texts_builder {
public:
    texts_builder(texts_builder &&other) noexcept : raw_(std::exchange(other.raw_, rg_texts_builder{})) {}
    texts_builder &operator=(texts_builder &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~texts_builder() { rg_texts_drop(&raw_); }

    /// Begins the texts of so many rows, of so many bytes together; more is possible.
    static result<texts_builder> start(uint32_t rows, size_t size)
    {
        rg_error failure;
        texts_builder made;
        if (!rg_texts_start(&made.raw_, rows, size, &failure))
            return std::unexpected(error(failure));
        return made;
    }

    /// The text of the next row; for a NULL, any.
    result<> push(std::string_view text)
    {
        rg_error failure;
        if (!rg_texts_push(&raw_, text.data(), text.size(), &failure))
            return std::unexpected(error(failure));
        return {};
    }

    /// Replaces the texts of a column. The builder is empty then.
    result<> finish(rg_column *column)
    {
        rg_error failure;
        if (!rg_texts_finish(&raw_, column, &failure))
            return std::unexpected(error(failure));
        return {};
    }

private:
    texts_builder() noexcept : raw_{} {}
    rg_texts_builder raw_;
};

/// A column of a batch.
class column {
public:
    column(rg_column *raw, uint32_t rows) noexcept : raw_(raw), rows_(rows) {}

    rg_column *raw() const noexcept { return raw_; }
    bool is_null(uint32_t row) const noexcept { return rg_is_null(raw_, row); }
    /// Makes the entry NULL, or not.
    result<> set_null(uint32_t row, bool null = true) const
    {
        rg_error failure;
        if (!rg_set_null(raw_, row, null, &failure))
            return std::unexpected(error(failure));
        return {};
    }

    /// The entries, to read and to change. A column of nothing but NULLs becomes one of the type that is asked for.
    result<std::span<int64_t>> int64s() const { return entries(rg_int64s); }
    result<std::span<double>> float64s() const { return entries(rg_float64s); }
    /// One byte each, 0 or 1.
    result<std::span<uint8_t>> booleans() const { return entries(rg_booleans); }
    /// Days since 1970-01-01.
    result<std::span<int32_t>> dates() const { return entries(rg_dates); }
    /// Microseconds: of `time`, `timestamp` or `timestamptz`.
    result<std::span<int64_t>> times() const { return entries(rg_times); }
    /// Two numbers each: the first and the last eight bytes, big-endian.
    result<std::span<uint64_t>> uuids() const { return entries(rg_uuids, 2); }

    /// The bytes of all texts, end to end, to change where their lengths stay the same.
    result<std::span<char>> bytes() const
    {
        RUNNER_TRY(all, texts());
        return std::span<char>(reinterpret_cast<char *>(all.data), all.size);
    }

    /// The text of a row.
    result<std::string_view> text(uint32_t row) const
    {
        RUNNER_TRY(all, texts());
        return of(all, row);
    }

    /// Replaces each text that is not NULL by what the function appends to the given buffer, which is empty.
    template <class Function> result<> map_texts(Function function) const
    {
        RUNNER_TRY(all, texts());
        RUNNER_TRY(made, texts_builder::start(rows_, all.size));
        std::vector<char> buffer;
        for (uint32_t row = 0; row < rows_; row++) {
            buffer.clear();
            if (!is_null(row))
                function(buffer, of(all, row));
            RUNNER_CHECK(made.push({buffer.data(), buffer.size()}));
        }
        return made.finish(raw_);
    }

private:
    result<rg_texts> texts() const
    {
        rg_error failure;
        rg_texts all;
        if (!rg_texts_of(raw_, &all, &failure))
            return std::unexpected(error(failure));
        return all;
    }

    static std::string_view of(const rg_texts &all, uint32_t row) noexcept
    {
        return {reinterpret_cast<const char *>(all.data) + all.offsets[row], all.offsets[row + 1] - all.offsets[row]};
    }

    template <class T> result<std::span<T>> entries(T *(*function)(rg_column *, rg_error *), size_t each = 1) const
    {
        rg_error failure;
        T *first = function(raw_, &failure);
        if (!first)
            return std::unexpected(error(failure));
        return std::span<T>(first, each * rows_);
    }

    rg_column *raw_;
    uint32_t rows_;
};

/// Some thousands of rows, as columns.
class batch {
public:
    explicit batch(rg_batch *raw) noexcept : raw_(raw) {}

    rg_batch *raw() const noexcept { return raw_; }
    uint32_t size() const noexcept { return raw_->row_count; }

    /// The column of that name.
    result<runner::column> column(std::string_view name) const
    {
        for (rg_column &found : std::span(raw_->columns.ptr, raw_->columns.len))
            if (detail::view(found.name) == name)
                return runner::column(&found, size());
        rg_error failure;
        rg_fail_column(raw_, name.data(), name.size(), &failure);
        return std::unexpected(error(failure));
    }

private:
    rg_batch *raw_;
};

/// What a migration needs: `runner plan` shows it, and compares it with what the operator grants. A trailing `*` in the name of a
/// table matches any suffix; without columns, all of them are needed. It owns its names.
class need {
public:
    using columns = std::initializer_list<std::string_view>;

    static need reads(std::string_view table, columns some = {}) { return need(RG_READ, table, some); }
    static need inserts(std::string_view table, columns some = {}) { return need(RG_INSERT, table, some); }
    static need updates(std::string_view table, columns some = {}) { return need(RG_UPDATE, table, some); }
    static need deletes(std::string_view table) { return need(RG_DELETE, table, {}); }
    static need alters(std::string_view table) { return need(RG_ALTER, table, {}); }
    static need creates(std::string_view table) { return need(RG_CREATE, table, {}); }
    static need drops(std::string_view table) { return need(RG_DROP, table, {}); }
    /// Statements of its own.
    static need raw_sql() { return need(kind::raw_sql); }
    /// On SQLite, foreign keys are checked at the end only, so that tables can be rebuilt.
    static need table_rebuild() { return need(kind::table_rebuild); }
    /// The function of this name, which does more than compute with its arguments.
    static need function(std::string_view name)
    {
        need made(kind::function);
        made.name_ = name;
        return made;
    }
    /// A limit, `RUNNER_MIGRATION_DESCRIPTION_TYPES_LIMIT_…`, that is not lower than this.
    static need limit(runner_migration_description_types_limit_t limit, uint64_t at_least)
    {
        need made(kind::limit);
        made.limit_ = limit;
        made.at_least_ = at_least;
        return made;
    }

    /// The same of a table in a schema.
    need in(std::string_view schema) &&
    {
        schema_ = schema;
        return std::move(*this);
    }

    void add(rg_description *into) const
    {
        switch (kind_) {
        case kind::table: add_table(into); break;
        case kind::raw_sql: rg_needs_raw_sql(into); break;
        case kind::table_rebuild: rg_needs_table_rebuild(into); break;
        case kind::function: rg_needs_function(into, name_.c_str()); break;
        case kind::limit: rg_needs_limit(into, limit_, at_least_); break;
        }
    }

private:
    enum class kind { table, raw_sql, table_rebuild, function, limit };

    explicit need(kind kind) : kind_(kind) {}
    need(rg_verb verb, std::string_view table, columns some) : kind_(kind::table), verb_(verb), name_(table), columns_(some.begin(), some.end()) {}

    void add_table(rg_description *into) const
    {
        std::vector<const char *> names;
        for (const std::string &column : columns_)
            names.push_back(column.c_str());
        rg_needs_columns(into, verb_, schema_ ? schema_->c_str() : nullptr, name_.c_str(), names.data(), names.size());
    }

    kind kind_;
    rg_verb verb_ = RG_READ;
    std::optional<std::string> schema_;
    std::string name_;
    std::vector<std::string> columns_;
    runner_migration_description_types_limit_t limit_ = 0;
    uint64_t at_least_ = 0;
};

/// Rows that were read.
class read_batch {
public:
    explicit read_batch(const rg_batch &filled) noexcept : raw_(filled) {}
    read_batch(read_batch &&other) noexcept : raw_(std::exchange(other.raw_, rg_batch{})) {}
    read_batch &operator=(read_batch &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~read_batch() { runner_migration_types_batch_free(&raw_); }

    const rg_batch &raw() const noexcept { return raw_; }
    uint32_t size() const noexcept { return raw_.row_count; }

    /// The column of that name, which is valid as long as the batch.
    result<runner::column> column(std::string_view name) { return batch(&raw_).column(name); }

private:
    rg_batch raw_;
};

/// Rows to write: columns over memory of the migration, which has to stay where it is until they are written.
class new_batch {
public:
    explicit new_batch(uint32_t rows) : rows_(rows) {}
    // Its columns point into it: a copy's would point into the original.
    new_batch(new_batch &&) = default;
    new_batch &operator=(new_batch &&) = default;

    /// Adds a column. `nulls`: none, or one byte for each row, 1 where it is NULL.
    new_batch &booleans(std::string_view name, std::span<const uint8_t> values, std::span<const uint8_t> nulls = {})
    {
        add(name, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_BOOLEAN, nulls).boolean = {const_cast<uint8_t *>(values.data()), values.size()};
        return *this;
    }
    new_batch &int64s(std::string_view name, std::span<const int64_t> values, std::span<const uint8_t> nulls = {})
    {
        add(name, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_INT64, nulls).int64 = {const_cast<int64_t *>(values.data()), values.size()};
        return *this;
    }
    new_batch &float64s(std::string_view name, std::span<const double> values, std::span<const uint8_t> nulls = {})
    {
        add(name, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_FLOAT64, nulls).float64 = {const_cast<double *>(values.data()), values.size()};
        return *this;
    }
    /// Days since 1970-01-01.
    new_batch &dates(std::string_view name, std::span<const int32_t> values, std::span<const uint8_t> nulls = {})
    {
        add(name, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_DATE, nulls).date = {const_cast<int32_t *>(values.data()), values.size()};
        return *this;
    }
    /// Microseconds; `type` is `RUNNER_MIGRATION_TYPES_COLUMN_TYPE_TIME`, `…_TIMESTAMP` or `…_TIMESTAMPTZ`.
    new_batch &times(std::string_view name, uint8_t type, std::span<const int64_t> values, std::span<const uint8_t> nulls = {})
    {
        add(name, type, nulls).time = {const_cast<int64_t *>(values.data()), values.size()};
        return *this;
    }
    /// Two numbers for each row.
    new_batch &uuids(std::string_view name, std::span<const uint64_t> values, std::span<const uint8_t> nulls = {})
    {
        add(name, RUNNER_MIGRATION_TYPES_COLUMN_VALUES_UUID, nulls).uuid = {const_cast<uint64_t *>(values.data()), values.size()};
        return *this;
    }
    /// Texts, which are copied; `type` is `RUNNER_MIGRATION_TYPES_COLUMN_TYPE_TEXT`, `…_BYTES`, `…_DECIMAL` or `…_JSON`.
    template <class Text>
    new_batch &texts(std::string_view name, uint8_t type, const std::vector<Text> &values, std::span<const uint8_t> nulls = {})
    {
        std::vector<uint32_t> offsets{0};
        std::vector<uint8_t> data;
        for (std::string_view text : values) {
            data.insert(data.end(), text.begin(), text.end());
            offsets.push_back(uint32_t(data.size()));
        }
        add(name, type, nulls).text = {{offsets.data(), offsets.size()}, {data.data(), data.size()}};
        // What is moved stays where it is.
        offsets_.push_back(std::move(offsets));
        data_.push_back(std::move(data));
        return *this;
    }

    /// The batch, for functions of C.
    rg_batch raw() noexcept { return {rows_, {columns_.data(), columns_.size()}}; }

private:
    auto add(std::string_view name, uint8_t type, std::span<const uint8_t> nulls) -> decltype(rg_column{}.values.val) &
    {
        rg_column made{};
        made.name = detail::text(name);
        made.nulls = {const_cast<uint8_t *>(nulls.data()), nulls.size()};
        // The types of columns are those of their values, in the same order.
        made.values.tag = type;
        columns_.push_back(made);
        return columns_.back().values.val;
    }

    uint32_t rows_;
    std::vector<rg_column> columns_;
    std::vector<std::vector<uint32_t>> offsets_;
    std::vector<std::vector<uint8_t>> data_;
};

/// Rows to read, in the order of a key. Names and texts are borrowed.
class source {
public:
    explicit source(std::string_view table) noexcept { raw_.table.name = detail::text(table); }

    source &schema(std::string_view name) noexcept
    {
        raw_.table.schema = {true, detail::text(name)};
        return *this;
    }
    /// Reads this column, in the type that the database's own maps to. Without one, all are read.
    source &column(std::string_view name)
    {
        columns_.push_back({detail::text(name), {}});
        return *this;
    }
    /// Reads this column in a type: one of `RUNNER_MIGRATION_TYPES_COLUMN_TYPE_…`.
    source &column(std::string_view name, uint8_t read_as)
    {
        columns_.push_back({detail::text(name), {true, read_as}});
        return *this;
    }
    /// A column that identifies a row. Without one, the primary key does.
    source &key(std::string_view name)
    {
        key_.push_back(detail::text(name));
        return *this;
    }
    /// An SQL condition, and the values of its placeholders.
    source &filter(std::string_view condition, std::initializer_list<rg_value> parameters = {})
    {
        raw_.filter = {true, detail::text(condition)};
        parameters_ = parameters;
        return *this;
    }
    /// From the greatest key to the least.
    source &descending() noexcept
    {
        raw_.descending = true;
        return *this;
    }

    /// The source, for functions of C.
    rg_source raw() const noexcept
    {
        rg_source made = raw_;
        made.columns = {const_cast<runner_migration_batches_column_request_t *>(columns_.data()), columns_.size()};
        made.key = {const_cast<rg_string *>(key_.data()), key_.size()};
        made.parameters = {const_cast<rg_value *>(parameters_.data()), parameters_.size()};
        return made;
    }

private:
    rg_source raw_{};
    std::vector<runner_migration_batches_column_request_t> columns_;
    std::vector<rg_string> key_;
    std::vector<rg_value> parameters_;
};

/// Rows to write. Names are borrowed.
class target {
public:
    /// `mode` is one of `RUNNER_MIGRATION_BATCHES_WRITE_MODE_…`.
    target(uint8_t mode, std::string_view table) noexcept
    {
        raw_.table.name = detail::text(table);
        raw_.mode = mode;
    }

    target &schema(std::string_view name) noexcept
    {
        raw_.table.schema = {true, detail::text(name)};
        return *this;
    }
    /// A column that identifies a row. Without one, the primary key does.
    target &key(std::string_view name)
    {
        key_.push_back(detail::text(name));
        return *this;
    }

    /// The target, for functions of C.
    rg_target raw() const noexcept
    {
        rg_target made = raw_;
        made.key = {const_cast<rg_string *>(key_.data()), key_.size()};
        return made;
    }

private:
    rg_target raw_{};
    std::vector<rg_string> key_;
};

/// Runs `transform` of the migration over a source, and writes what it makes to a target.
inline result<rg_report> transform(std::string_view name, const source &from, const target &into)
{
    rg_error failure;
    rg_report report;
    rg_string function = detail::text(name);
    rg_source reading = from.raw();
    rg_target writing = into.raw();
    if (!runner_migration_batches_transform(&function, &reading, &writing, &report, &failure))
        return std::unexpected(error(failure));
    return report;
}

/// Runs `transform` of the migration over columns of a table, and updates the rows. Without columns, all of them.
inline result<rg_report> transform(std::string_view name, std::string_view table, std::initializer_list<std::string_view> columns = {})
{
    source from(table);
    for (std::string_view column : columns)
        from.column(column);
    return transform(name, from, target(RUNNER_MIGRATION_BATCHES_WRITE_MODE_UPDATE, table));
}

/// Reads a result one batch at a time.
class reader {
public:
    explicit reader(runner_migration_batches_own_reader_t opened) noexcept : raw_(opened) {}
    reader(reader &&other) noexcept : raw_(std::exchange(other.raw_, {})) {}
    reader &operator=(reader &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~reader()
    {
        if (raw_.__handle)
            runner_migration_batches_reader_drop_own(raw_);
    }

    /// The next batch; none after the last.
    result<std::optional<read_batch>> next()
    {
        rg_error failure;
        runner_migration_batches_option_batch_t found;
        if (!runner_migration_batches_method_reader_next(runner_migration_batches_borrow_reader(raw_), &found, &failure))
            return std::unexpected(error(failure));
        if (!found.is_some)
            return std::nullopt;
        return read_batch(found.val);
    }

private:
    runner_migration_batches_own_reader_t raw_;
};

/// Reads the result of any SELECT, in the statement's own order.
inline result<reader> read(std::string_view sql, std::initializer_list<rg_value> parameters = {})
{
    rg_error failure;
    rg_string statement = detail::text(sql);
    runner_migration_batches_list_value_t values = {const_cast<rg_value *>(parameters.begin()), parameters.size()};
    runner_migration_batches_own_reader_t opened;
    if (!runner_migration_batches_read(&statement, &values, &opened, &failure))
        return std::unexpected(error(failure));
    return reader(opened);
}

/// Reads a table in pages, in the order of its key.
inline result<reader> read_table(const source &from)
{
    rg_error failure;
    rg_source reading = from.raw();
    runner_migration_batches_own_reader_t opened;
    if (!runner_migration_batches_read_table(&reading, &opened, &failure))
        return std::unexpected(error(failure));
    return reader(opened);
}

/// Writes rows one batch at a time. One that ends without `finish` fails the migration.
class writer {
public:
    explicit writer(runner_migration_batches_own_writer_t opened) noexcept : raw_(opened) {}
    writer(writer &&other) noexcept : raw_(std::exchange(other.raw_, {})) {}
    writer &operator=(writer &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~writer()
    {
        if (raw_.__handle)
            runner_migration_batches_writer_drop_own(raw_);
    }

    /// Writes a batch, and returns the number of rows that it changed. All batches of a writer have the same columns.
    result<uint64_t> write(new_batch &rows)
    {
        rg_batch given = rows.raw();
        return write(given);
    }
    result<uint64_t> write(const rg_batch &rows)
    {
        rg_error failure;
        uint64_t changed = 0;
        rg_batch *given = const_cast<rg_batch *>(&rows);
        if (!runner_migration_batches_method_writer_write(runner_migration_batches_borrow_writer(raw_), given, &changed, &failure))
            return std::unexpected(error(failure));
        return changed;
    }

    /// Ends the writer, and returns the number of rows that all batches changed.
    result<uint64_t> finish()
    {
        rg_error failure;
        uint64_t changed = 0;
        if (!runner_migration_batches_method_writer_finish(runner_migration_batches_borrow_writer(raw_), &changed, &failure))
            return std::unexpected(error(failure));
        return changed;
    }

private:
    runner_migration_batches_own_writer_t raw_;
};

/// Opens a writer.
inline result<writer> write(const target &into)
{
    rg_error failure;
    rg_target writing = into.raw();
    runner_migration_batches_own_writer_t opened;
    if (!runner_migration_batches_write(&writing, &opened, &failure))
        return std::unexpected(error(failure));
    return writer(opened);
}

/// A file of the directory `assets`.
class asset {
public:
    asset(asset &&other) noexcept : raw_(std::exchange(other.raw_, {})) {}
    asset &operator=(asset &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~asset()
    {
        if (raw_.__handle)
            runner_migration_context_asset_drop_own(raw_);
    }

    /// Opens a file by its relative path, with `/` as the separator.
    static result<asset> open(std::string_view path)
    {
        rg_error failure;
        rg_string name = detail::text(path);
        runner_migration_context_own_asset_t opened;
        if (!runner_migration_context_open_asset(&name, &opened, &failure))
            return std::unexpected(error(failure));
        return asset(opened);
    }

    /// Its size in bytes.
    uint64_t size() const { return runner_migration_context_method_asset_size(runner_migration_context_borrow_asset(raw_)); }

    /// Appends the next bytes to a buffer, `limit` at most, and returns how many; 0 at the end of the file.
    result<size_t> read(std::vector<char> &into, uint32_t limit = 262144)
    {
        rg_error failure;
        data_migration_list_u8_t found;
        if (!runner_migration_context_method_asset_read(runner_migration_context_borrow_asset(raw_), limit, &found, &failure))
            return std::unexpected(error(failure));
        into.insert(into.end(), found.ptr, found.ptr + found.len);
        size_t size = found.len;
        data_migration_list_u8_free(&found);
        return size;
    }

private:
    explicit asset(runner_migration_context_own_asset_t opened) noexcept : raw_(opened) {}
    runner_migration_context_own_asset_t raw_;
};

/// The parameters of the run.
class parameters {
public:
    parameters() { runner_migration_context_parameters(&raw_); }
    parameters(parameters &&other) noexcept : raw_(std::exchange(other.raw_, {})) {}
    parameters &operator=(parameters &&other) noexcept
    {
        std::swap(raw_, other.raw_);
        return *this;
    }
    ~parameters() { runner_migration_context_list_parameter_free(&raw_); }

    std::span<runner_migration_context_parameter_t> all() const noexcept { return {raw_.ptr, raw_.len}; }

    /// The value of the parameter of that name; NULL if it is not set.
    const rg_value *find(std::string_view name) const noexcept
    {
        for (const runner_migration_context_parameter_t &parameter : all())
            if (name == detail::view(parameter.name))
                return &parameter.value;
        return nullptr;
    }

private:
    runner_migration_context_list_parameter_t raw_{};
};

namespace detail {

/// `has_NAME`: whether a migration has a function of this name. One that cannot be called from here is a compile error: a class that is
/// derived from the migration and from another with a member of the name has two if the migration has one, whoever may use it.
#define RUNNER_OPTIONAL(name, declared)                                                                                            \
    struct with_##name {                                                                                                           \
        int name;                                                                                                                  \
    };                                                                                                                             \
    template <class Migration> struct both_##name : Migration, with_##name {};                                                     \
    template <class Migration> consteval bool has_##name()                                                                         \
    {                                                                                                                              \
        if constexpr (requires { Migration::name(); }) {                                                                           \
            return true;                                                                                                           \
        } else if constexpr (std::is_final_v<Migration>) {                                                                         \
            static_assert(!std::is_final_v<Migration>,                                                                             \
                          "a migration without `" #name "` must not be `final`, which would hide a private one");                  \
        } else {                                                                                                                   \
            static_assert(requires { &both_##name<Migration>::name; },                                                             \
                          "`" #name "` of a migration has to be public: `static " declared " " #name "()`");                       \
        }                                                                                                                          \
        return false;                                                                                                              \
    }
RUNNER_OPTIONAL(needs, "std::vector<runner::need>")
RUNNER_OPTIONAL(irreversible, "bool")
RUNNER_OPTIONAL(mode, "uint8_t")
RUNNER_OPTIONAL(dialects, "std::vector<uint8_t>")
RUNNER_OPTIONAL(depends_on, "std::vector<std::string>")
#undef RUNNER_OPTIONAL

template <class Migration> void describe(rg_description *into)
{
    rg_summary(into, Migration::summary());
    if constexpr (has_needs<Migration>())
        for (const need &each : Migration::needs())
            each.add(into);
    if constexpr (has_irreversible<Migration>())
        into->irreversible = Migration::irreversible();
    if constexpr (has_mode<Migration>())
        rg_mode(into, Migration::mode());
    if constexpr (has_dialects<Migration>())
        for (uint8_t each : Migration::dialects())
            rg_dialect(into, each);
    if constexpr (has_depends_on<Migration>())
        for (const std::string &each : Migration::depends_on())
            rg_depends_on(into, each.c_str());
}

inline bool finished(result<> outcome, rg_error *failure)
{
    if (!outcome)
        *failure = outcome.error().release();
    return outcome.has_value();
}

} // namespace detail
} // namespace runner

/// Exports a migration.
#define RUNNER_MIGRATION(type)                                                                                                     \
    extern "C" void migration_describe(rg_description *into) { runner::detail::describe<type>(into); }                             \
    extern "C" bool migration_upgrade(rg_error *failure) { return runner::detail::finished(type::upgrade(), failure); }            \
    extern "C" bool migration_downgrade(rg_error *failure) { return runner::detail::finished(type::downgrade(), failure); }        \
    extern "C" bool migration_transform(const char *name, rg_batch *rows, rg_error *failure)                                       \
    {                                                                                                                              \
        runner::batch given(rows);                                                                                                 \
        return runner::detail::finished(type::transform(name, given), failure);                                                    \
    }
