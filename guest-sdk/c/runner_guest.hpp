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
// It may have a function `needs` too: `static std::vector<runner::need> needs()`.
//
// Who owns what:
//
// - `error`, `rows` and `texts_builder` own what is in them: they can be moved and not copied, and free it at their end.
// - `batch`, `column` and the spans and views that they return are the host's, and valid during the call that they were given to.
// - What functions of the host take is borrowed for the call.
//
// A function that can fail returns `runner::result<T>`, a `std::expected`: `RUNNER_TRY(name, call)` takes the value or returns the
// error. For what is not here there is the C header, whose functions and types can be used beside these.
#pragma once

#include <cstdlib>
#include <expected>
#include <initializer_list>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "runner_guest.h"

namespace runner {

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
    std::string_view message() const noexcept { return view(raw_.message); }
    /// The database's own code; empty if it is not the database's error.
    std::string_view code() const noexcept { return view(raw_.code); }
    /// One of `RUNNER_MIGRATION_TYPES_ERROR_KIND_…`.
    uint8_t kind() const noexcept { return raw_.kind; }
    /// Gives it up, to a function of C that returns it.
    rg_error release() noexcept { return std::exchange(raw_, rg_error{}); }

private:
    static std::string_view view(const rg_string &text) noexcept
    {
        return {reinterpret_cast<const char *>(text.ptr), text.len};
    }
    rg_error raw_;
};

/// A value, or why there is none.
template <class T = void> using result = std::expected<T, error>;

/// An error with a message in the manner of `printf`.
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
inline result<uint64_t> execute(const char *sql, std::initializer_list<rg_value> parameters = {})
{
    rg_error failure;
    uint64_t changed = 0;
    if (!rg_execute(sql, parameters.begin(), parameters.size(), &changed, &failure))
        return std::unexpected(error(failure));
    return changed;
}

/// Runs a query with a small result.
inline result<rows> query(const char *sql, std::initializer_list<rg_value> parameters = {})
{
    rg_error failure;
    rg_row_set found;
    if (!rg_query(sql, parameters.begin(), parameters.size(), &found, &failure))
        return std::unexpected(error(failure));
    return rows(found);
}

/// Runs `transform` of the migration over columns of a table, and updates the rows. Without columns, all of them.
inline result<rg_report> transform(const char *name, const char *table, std::initializer_list<const char *> columns = {})
{
    rg_error failure;
    rg_report report;
    if (!rg_transform(name, table, columns.begin(), columns.size(), &report, &failure))
        return std::unexpected(error(failure));
    return report;
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

    /// The entries, to read and to change.
    result<std::span<int64_t>> int64s() const { return entries(rg_int64s); }
    result<std::span<double>> float64s() const { return entries(rg_float64s); }
    /// One byte each, 0 or 1.
    result<std::span<uint8_t>> booleans() const { return entries(rg_booleans); }
    /// Days since 1970-01-01.
    result<std::span<int32_t>> dates() const { return entries(rg_dates); }
    /// Microseconds: of `time`, `timestamp` or `timestamptz`.
    result<std::span<int64_t>> times() const { return entries(rg_times); }

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

    template <class T> result<std::span<T>> entries(T *(*function)(rg_column *, rg_error *)) const
    {
        rg_error failure;
        T *first = function(raw_, &failure);
        if (!first && rows_)
            return std::unexpected(error(failure));
        return std::span<T>(first, rows_);
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
    result<runner::column> column(const char *name) const
    {
        rg_error failure;
        rg_column *found = rg_column_of(raw_, name, &failure);
        if (!found)
            return std::unexpected(error(failure));
        return runner::column(found, size());
    }

private:
    rg_batch *raw_;
};

/// What a migration needs: `runner plan` shows it, and compares it with what the operator grants. A trailing `*` in the name of a
/// table matches any suffix; without columns, all of them are needed.
class need {
public:
    using columns = std::initializer_list<const char *>;

    static need reads(const char *table, columns some = {}) { return need(RG_READ, table, some); }
    static need inserts(const char *table, columns some = {}) { return need(RG_INSERT, table, some); }
    static need updates(const char *table, columns some = {}) { return need(RG_UPDATE, table, some); }
    static need deletes(const char *table) { return need(RG_DELETE, table, {}); }
    static need alters(const char *table) { return need(RG_ALTER, table, {}); }
    static need creates(const char *table) { return need(RG_CREATE, table, {}); }
    static need drops(const char *table) { return need(RG_DROP, table, {}); }
    /// Statements of its own.
    static need raw_sql() { return need(kind::raw_sql); }
    /// On SQLite, foreign keys are checked at the end only, so that tables can be rebuilt.
    static need table_rebuild() { return need(kind::table_rebuild); }
    /// The function of this name, which does more than compute with its arguments.
    static need function(const char *name)
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
    need in(const char *schema) &&
    {
        schema_ = schema;
        return std::move(*this);
    }

    void add(rg_description *into) const
    {
        switch (kind_) {
        case kind::table: rg_needs_columns(into, verb_, schema_, name_, columns_.data(), columns_.size()); break;
        case kind::raw_sql: rg_needs_raw_sql(into); break;
        case kind::table_rebuild: rg_needs_table_rebuild(into); break;
        case kind::function: rg_needs_function(into, name_); break;
        case kind::limit: rg_needs_limit(into, limit_, at_least_); break;
        }
    }

private:
    enum class kind { table, raw_sql, table_rebuild, function, limit };

    explicit need(kind kind) : kind_(kind) {}
    need(rg_verb verb, const char *table, columns some) : kind_(kind::table), verb_(verb), name_(table), columns_(some) {}

    kind kind_;
    rg_verb verb_ = RG_READ;
    const char *schema_ = nullptr;
    const char *name_ = nullptr;
    std::vector<const char *> columns_;
    runner_migration_description_types_limit_t limit_ = 0;
    uint64_t at_least_ = 0;
};

namespace detail {

template <class Migration> void describe(rg_description *into)
{
    rg_summary(into, Migration::summary());
    if constexpr (requires { Migration::needs(); })
        for (const need &each : Migration::needs())
            each.add(into);
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
