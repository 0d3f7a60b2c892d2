// Changes of the schema for migrations in C++: `runner_guest_schema.h` with builders.
//
//     namespace schema = runner::schema;
//     RUNNER_CHECK(schema::table("orders")
//                      .column(schema::column("id", RG_INT64).identity())
//                      .column(schema::column("item", rg_varchar(200)).not_null())
//                      .column(schema::column("price", rg_decimal(12, 2)).not_null().default_value(rg_int64(0)))
//                      .column(schema::column("made_at", RG_TIMESTAMPTZ).not_null().default_current_timestamp())
//                      .primary_key({"id"})
//                      .create());
//     RUNNER_CHECK(schema::index("orders_item", "orders").columns({"item"}).create());
//
// Names are any `std::string_view`, and borrowed like texts: they have to live until the call. The builders own the lists.
#pragma once

#include <concepts>

#include "runner_guest.hpp"
#include "runner_guest_schema.h"

namespace runner::schema {

namespace detail {

using runner::detail::text;
using texts = std::vector<rg_string>;

inline texts list(std::initializer_list<std::string_view> names)
{
    texts made;
    for (std::string_view name : names)
        made.push_back(text(name));
    return made;
}

inline data_migration_list_string_t borrowed(const texts &names) noexcept
{
    return {const_cast<rg_string *>(names.data()), names.size()};
}

/// The result of a function of C.
template <class Function> result<> asked(Function function)
{
    rg_error failure;
    if (!function(&failure))
        return std::unexpected(error(failure));
    return {};
}

} // namespace detail

/// The name of a table, of the current schema or of another.
class name {
public:
    template <std::convertible_to<std::string_view> Text> name(const Text &table) noexcept : raw_{}
    {
        raw_.name = detail::text(std::string_view(table));
    }
    name(std::string_view schema, std::string_view table) noexcept : name(table)
    {
        raw_.schema.is_some = true;
        raw_.schema.val = detail::text(schema);
    }
    const rg_table_name &raw() const noexcept { return raw_; }

private:
    rg_table_name raw_;
};

/// A column of a table.
class column {
public:
    column(std::string_view name, rg_data_type type) noexcept : raw_{}
    {
        raw_.name = detail::text(name);
        raw_.data_type = type;
    }
    /// A type without a size.
    column(std::string_view name, enum rg_type type) noexcept : column(name, rg_type(type)) {}

    /// Refuses NULL. The columns of a primary key do in any case.
    column &not_null() noexcept
    {
        raw_.not_null = true;
        return *this;
    }
    /// What it contains where an insert does not say: a value of its type.
    column &default_value(rg_value value) noexcept
    {
        raw_.default_ = rg_default(value);
        return *this;
    }
    /// The time of the insert where an insert does not say, for a `timestamptz`.
    column &default_current_timestamp() noexcept
    {
        raw_.default_ = rg_current_timestamp();
        return *this;
    }
    /// Lets the database number the rows: for an `int64` that is the only column of the primary key.
    column &identity() noexcept
    {
        raw_.identity = true;
        return *this;
    }
    const rg_column_definition &raw() const noexcept { return raw_; }

private:
    rg_column_definition raw_;
};

/// A new table.
class table {
public:
    explicit table(schema::name name) noexcept : name_(name) {}

    table &column(const schema::column &added)
    {
        columns_.push_back(added.raw());
        return *this;
    }
    table &primary_key(std::initializer_list<std::string_view> columns)
    {
        primary_key_ = detail::list(columns);
        return *this;
    }
    /// Columns in which no two rows may be equal. May be repeated.
    table &unique(std::initializer_list<std::string_view> columns)
    {
        unique_.push_back(detail::list(columns));
        return *this;
    }
    /// A reference to the rows of a table. May be repeated.
    table &foreign_key(std::initializer_list<std::string_view> columns, schema::name references,
                       std::initializer_list<std::string_view> referenced, rg_on_delete on_delete = RG_REFUSE)
    {
        foreign_keys_.push_back({detail::list(columns), references, detail::list(referenced), on_delete});
        return *this;
    }

    /// Creates it. It is an error if a table of that name exists.
    result<> create() const
    {
        std::vector<data_migration_list_string_t> unique;
        for (const detail::texts &names : unique_)
            unique.push_back(detail::borrowed(names));
        std::vector<rg_foreign_key> keys;
        for (const key &each : foreign_keys_)
            keys.push_back({detail::borrowed(each.columns), each.references.raw(), detail::borrowed(each.referenced),
                            static_cast<uint8_t>(each.on_delete)});
        rg_table_definition definition = {
            name_.raw(), {const_cast<rg_column_definition *>(columns_.data()), columns_.size()}, detail::borrowed(primary_key_),
            {unique.data(), unique.size()}, {keys.data(), keys.size()},
        };
        return detail::asked([&](rg_error *failure) { return rg_create_table(&definition, failure); });
    }

private:
    struct key {
        detail::texts columns;
        schema::name references;
        detail::texts referenced;
        rg_on_delete on_delete;
    };
    schema::name name_;
    std::vector<rg_column_definition> columns_;
    detail::texts primary_key_;
    std::vector<detail::texts> unique_;
    std::vector<key> foreign_keys_;
};

/// A new index, in the schema of its table.
class index {
public:
    index(std::string_view name, schema::name table) noexcept : name_(name), table_(table) {}

    index &columns(std::initializer_list<std::string_view> columns)
    {
        columns_ = detail::list(columns);
        return *this;
    }
    /// Lets no two rows be equal in its columns.
    index &unique() noexcept
    {
        unique_ = true;
        return *this;
    }
    result<> create() const
    {
        rg_index_definition definition = {detail::text(name_), table_.raw(), detail::borrowed(columns_), unique_};
        return detail::asked([&](rg_error *failure) { return rg_create_index(&definition, failure); });
    }

private:
    std::string_view name_;
    schema::name table_;
    detail::texts columns_;
    bool unique_ = false;
};

/// Drops a table. It is an error if it does not exist, or if something depends on it.
inline result<> drop_table(name table)
{
    return detail::asked([&](rg_error *failure) { return rg_drop_table(table.raw(), failure); });
}

/// Gives a table another name in the same schema. Denied to migrations under grants.
inline result<> rename_table(name table, std::string_view to)
{
    rg_table_name given = table.raw();
    rg_string other = detail::text(to);
    return detail::asked([&](rg_error *failure) { return runner_migration_schema_rename_table(&given, &other, failure); });
}

/// Adds a column. One that refuses NULL needs a default, for the rows that exist.
inline result<> add_column(name table, const column &added)
{
    return detail::asked([&](rg_error *failure) { return rg_add_column(table.raw(), &added.raw(), failure); });
}

/// Drops a column and its values. It is an error if something depends on it.
inline result<> drop_column(name table, std::string_view column)
{
    rg_table_name given = table.raw();
    rg_string dropped = detail::text(column);
    return detail::asked([&](rg_error *failure) { return runner_migration_schema_drop_column(&given, &dropped, failure); });
}

/// Gives a column another name.
inline result<> rename_column(name table, std::string_view column, std::string_view to)
{
    rg_table_name given = table.raw();
    rg_string renamed = detail::text(column), other = detail::text(to);
    return detail::asked([&](rg_error *failure) { return runner_migration_schema_rename_column(&given, &renamed, &other, failure); });
}

/// Drops an index of a table.
inline result<> drop_index(name table, std::string_view index)
{
    rg_table_name given = table.raw();
    rg_string dropped = detail::text(index);
    return detail::asked([&](rg_error *failure) { return runner_migration_schema_drop_index(&given, &dropped, failure); });
}

} // namespace runner::schema
