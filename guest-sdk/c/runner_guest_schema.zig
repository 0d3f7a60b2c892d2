//! Changes of the schema that work on every database: tables, columns and indexes, described instead of written in SQL.
//!
//!     const schema = guest.schema;
//!     try schema.createTable(.{
//!         .table = .{ .name = "orders" },
//!         .columns = &.{
//!             .{ .name = "id", .type = .int64, .identity = true },
//!             .{ .name = "item", .type = .{ .varchar = 200 }, .not_null = true },
//!             .{ .name = "price", .type = .{ .decimal = .{ 12, 2 } }, .not_null = true, .default = .{ .value = .int64(0) } },
//!             .{ .name = "made_at", .type = .timestamptz, .not_null = true, .default = .current_timestamp },
//!         },
//!         .primary_key = &.{"id"},
//!     });
//!     try schema.createIndex(.{ .name = "orders_item", .table = .{ .name = "orders" }, .columns = &.{"item"} });
//!
//! The host writes the statement. A migration under grants needs `create`, `alter` or `drop` for the table, and no grant for statements
//! of its own. All arguments are borrowed for the call.
const std = @import("std");
const guest = @import("runner_guest.zig");

const List = guest.internal.ListOf;
const Reason = guest.internal.Reason;
const failed = guest.internal.keep;
const String = List(u8);

/// The name of a table, of the current schema or of another.
pub const Table = struct { name: []const u8, schema: ?[]const u8 = null };

/// The type of a column. The order is the contract's.
pub const Type = union(enum) {
    boolean,
    int32,
    int64,
    float64,
    text,
    /// Text of at most that many characters, 1 to 16,383. SQLite does not enforce it.
    varchar: u32,
    bytes,
    /// An exact decimal number of so many digits, 1 to 65, and so many of them after the decimal point, 30 at most.
    decimal: struct { u8, u8 },
    date,
    time,
    timestamp,
    timestamptz,
    uuid,
    json,
};

/// What a column contains where an insert does not say.
pub const Default = union(enum) {
    /// A value of the column's type.
    value: guest.Value,
    /// The time of the insert, for a `timestamptz`.
    current_timestamp,
};

/// A column of a table.
pub const Column = struct {
    name: []const u8,
    type: Type,
    /// Refuses NULL. The columns of a primary key do in any case.
    not_null: bool = false,
    default: ?Default = null,
    /// The database numbers the rows: for an `int64` that is the only column of the primary key of a new table.
    identity: bool = false,
};

/// What happens to a row whose referenced row is deleted.
pub const DeleteAction = enum(u8) { refuse, cascade, set_null };

/// A reference to the rows of a table.
pub const ForeignKey = struct {
    columns: []const []const u8,
    references: Table,
    referenced: []const []const u8,
    on_delete: DeleteAction = .refuse,
};

/// A new table.
pub const NewTable = struct {
    table: Table,
    columns: []const Column,
    primary_key: []const []const u8 = &.{},
    unique: []const []const []const u8 = &.{},
    foreign_keys: []const ForeignKey = &.{},
};

/// A new index, in the schema of its table.
pub const NewIndex = struct { name: []const u8, table: Table, columns: []const []const u8, unique: bool = false };

const RawTable = extern struct { schema: extern struct { is_some: bool = false, val: String = .{} } = .{}, name: String };
const RawType = extern struct { tag: u8, val: extern union { varchar: u32, decimal: [2]u8 } = .{ .varchar = 0 } };
const RawDefault = extern struct { is_some: bool = false, tag: u8 align(8) = 0, value: guest.Value = guest.Value.none };
const RawColumn = extern struct { name: String, data_type: RawType, not_null: bool, default: RawDefault, identity: bool };
const RawForeignKey = extern struct { columns: List(String), references: RawTable, referenced: List(String), on_delete: u8 };
const RawNewTable = extern struct {
    table: RawTable,
    columns: List(RawColumn),
    primary_key: List(String),
    unique: List(List(String)),
    foreign_keys: List(RawForeignKey),
};
const RawNewIndex = extern struct { name: String, table: RawTable, columns: List(String), unique: bool };

extern fn runner_migration_schema_create_table(definition: *RawNewTable, failure: *Reason) bool;
extern fn runner_migration_schema_drop_table(table: *RawTable, failure: *Reason) bool;
extern fn runner_migration_schema_rename_table(table: *RawTable, to: *String, failure: *Reason) bool;
extern fn runner_migration_schema_add_column(table: *RawTable, column: *RawColumn, failure: *Reason) bool;
extern fn runner_migration_schema_drop_column(table: *RawTable, column: *String, failure: *Reason) bool;
extern fn runner_migration_schema_rename_column(table: *RawTable, column: *String, to: *String, failure: *Reason) bool;
extern fn runner_migration_schema_create_index(definition: *RawNewIndex, failure: *Reason) bool;
extern fn runner_migration_schema_drop_index(table: *RawTable, index: *String, failure: *Reason) bool;

/// Creates a table. It is an error if one of that name exists.
pub fn createTable(definition: NewTable) !void {
    var arena = std.heap.ArenaAllocator.init(std.heap.c_allocator);
    defer arena.deinit();
    const memory = arena.allocator();
    const columns = try memory.alloc(RawColumn, definition.columns.len);
    for (columns, definition.columns) |*to, of| to.* = rawColumn(of);
    const unique = try memory.alloc(List(String), definition.unique.len);
    for (unique, definition.unique) |*to, names| to.* = try texts(memory, names);
    const keys = try memory.alloc(RawForeignKey, definition.foreign_keys.len);
    for (keys, definition.foreign_keys) |*to, key| to.* = .{
        .columns = try texts(memory, key.columns),
        .references = rawTable(key.references),
        .referenced = try texts(memory, key.referenced),
        .on_delete = @intFromEnum(key.on_delete),
    };
    var raw: RawNewTable = .{
        .table = rawTable(definition.table),
        .columns = list(RawColumn, columns),
        .primary_key = try texts(memory, definition.primary_key),
        .unique = list(List(String), unique),
        .foreign_keys = list(RawForeignKey, keys),
    };
    var failure: Reason = .{};
    if (!runner_migration_schema_create_table(&raw, &failure)) return failed(failure);
}

/// Drops a table. It is an error if it does not exist, or if something depends on it.
pub fn dropTable(table: Table) !void {
    var raw = rawTable(table);
    var failure: Reason = .{};
    if (!runner_migration_schema_drop_table(&raw, &failure)) return failed(failure);
}

/// Gives a table another name in the same schema. Denied to migrations under grants.
pub fn renameTable(table: Table, to: []const u8) !void {
    return named(runner_migration_schema_rename_table, table, to);
}

/// Adds a column. One that refuses NULL needs a default, for the rows that exist.
pub fn addColumn(table: Table, column: Column) !void {
    var raw = rawTable(table);
    var added = rawColumn(column);
    var failure: Reason = .{};
    if (!runner_migration_schema_add_column(&raw, &added, &failure)) return failed(failure);
}

/// Drops a column and its values. It is an error if something depends on it.
pub fn dropColumn(table: Table, column: []const u8) !void {
    return named(runner_migration_schema_drop_column, table, column);
}

/// Gives a column another name.
pub fn renameColumn(table: Table, column: []const u8, to: []const u8) !void {
    var raw = rawTable(table);
    var old = text(column);
    var new = text(to);
    var failure: Reason = .{};
    if (!runner_migration_schema_rename_column(&raw, &old, &new, &failure)) return failed(failure);
}

/// Creates an index.
pub fn createIndex(definition: NewIndex) !void {
    var arena = std.heap.ArenaAllocator.init(std.heap.c_allocator);
    defer arena.deinit();
    var raw: RawNewIndex = .{
        .name = text(definition.name),
        .table = rawTable(definition.table),
        .columns = try texts(arena.allocator(), definition.columns),
        .unique = definition.unique,
    };
    var failure: Reason = .{};
    if (!runner_migration_schema_create_index(&raw, &failure)) return failed(failure);
}

/// Drops an index of a table.
pub fn dropIndex(table: Table, index: []const u8) !void {
    return named(runner_migration_schema_drop_index, table, index);
}

/// A call with a table and a name.
fn named(comptime call: anytype, table: Table, name: []const u8) !void {
    var raw = rawTable(table);
    var given = text(name);
    var failure: Reason = .{};
    if (!call(&raw, &given, &failure)) return failed(failure);
}

fn text(of: []const u8) String {
    // The address of an empty slice may be anything, which the host would refuse outside of the memory.
    return if (of.len == 0) .{} else .{ .ptr = @constCast(of.ptr), .len = of.len };
}

fn texts(memory: std.mem.Allocator, names: []const []const u8) !List(String) {
    const made = try memory.alloc(String, names.len);
    for (made, names) |*to, name| to.* = text(name);
    return list(String, made);
}

/// An empty list has no address that the host would accept.
fn list(comptime T: type, items: []T) List(T) {
    return if (items.len == 0) .{} else .{ .ptr = items.ptr, .len = items.len };
}

fn rawTable(table: Table) RawTable {
    var raw: RawTable = .{ .name = text(table.name) };
    if (table.schema) |schema| raw.schema = .{ .is_some = true, .val = text(schema) };
    return raw;
}

fn rawColumn(column: Column) RawColumn {
    var data_type: RawType = .{ .tag = @intFromEnum(column.type) };
    switch (column.type) {
        .varchar => |length| data_type.val = .{ .varchar = length },
        .decimal => |size| data_type.val = .{ .decimal = .{ size[0], size[1] } },
        else => {},
    }
    var default: RawDefault = .{};
    if (column.default) |given| switch (given) {
        .value => |value| default = .{ .is_some = true, .value = value },
        .current_timestamp => default = .{ .is_some = true, .tag = 1 },
    };
    return .{
        .name = text(column.name),
        .data_type = data_type,
        .not_null = column.not_null,
        .default = default,
        .identity = column.identity,
    };
}
