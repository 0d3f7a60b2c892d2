//! Migrations for runner in Zig: `runner_guest.h` in the manner of Zig.
//!
//! A migration is a file with the functions below, which `exportMigration` exports:
//!
//!     pub const summary = "tidy names";
//!     pub fn upgrade() !void {}
//!     pub fn downgrade() !void {}
//!     pub fn transform(name: []const u8, batch: *guest.Batch) !void {}
//!     comptime { guest.exportMigration(@This()); }
//!     pub const panic = guest.panic;
//!
//! It may have more declarations. Without `pub` they cannot be seen from here: in the root file of the component that is a compile error.
//!
//!     pub const needs = [_]guest.Need{ .raw_sql, .{ .read = .{ .name = "people" } } };
//!     pub const irreversible = true; // `rollback` is refused before it begins
//!     pub const mode: guest.Mode = .stepwise;
//!     pub const dialects = [_]guest.Dialect{.postgres}; // all without it
//!     pub const depends_on = [_][:0]const u8{"20260101000000"}; // earlier revisions that must be applied
//!
//! What fails returns `error.Failed`, and keeps the reason until it is returned or `clear` drops it. `fail` gives a reason. Other errors
//! become messages with their names.
//!
//! The batch and what its functions return are the host's, and valid during the call. `Rows`, a `Reader`, the batches that it reads, a
//! `Writer`, an `Asset` and `Parameters` are the caller's: `deinit` frees them. What a call is given is borrowed for the call; columns
//! that are made for a writer are views of the caller's memory.
const std = @import("std");

const allocator = std.heap.c_allocator;

fn List(comptime T: type) type {
    return extern struct {
        ptr: [*c]T = null,
        len: usize = 0,

        pub fn items(self: @This()) []T {
            return if (self.len == 0) &.{} else self.ptr[0..self.len];
        }
    };
}

const String = List(u8);

/// A slice as a list. The address of an empty slice may be anything, which the host would refuse outside of the memory.
fn listOf(comptime T: type, slice: []const T) List(T) {
    return if (slice.len == 0) .{} else .{ .ptr = @constCast(slice.ptr), .len = slice.len };
}

fn borrowed(text: []const u8) String {
    return listOf(u8, text);
}

const OptionString = extern struct {
    is_some: bool = false,
    val: String = .{},

    fn of(text: ?[]const u8) OptionString {
        return if (text) |some| .{ .is_some = true, .val = borrowed(some) } else .{};
    }
};

const RawError = extern struct {
    kind: u8 = 9,
    code: String = .{},
    message: String = .{},
    detail: OptionString = .{},
};

/// Changes of the schema.
pub const schema = @import("runner_guest_schema.zig");

/// For the other files of this SDK.
pub const internal = struct {
    pub const ListOf = List;
    pub const Reason = RawError;
    pub const keep = failed;
};

extern fn runner_migration_types_error_free(*RawError) void;
extern fn runner_migration_types_row_set_free(*Rows) void;
extern fn runner_migration_context_log(level: u8, message: *String) void;
extern fn runner_migration_process_abort(message: *String) void;
extern fn rg_summary(into: *anyopaque, summary: [*:0]const u8) void;
extern fn rg_irreversible(into: *anyopaque) void;
extern fn rg_mode(into: *anyopaque, mode: u8) void;
extern fn rg_dialect(into: *anyopaque, dialect: u8) void;
extern fn rg_depends_on(into: *anyopaque, revision: [*:0]const u8) void;
extern fn rg_readable(text: *String) void;
extern fn rg_fail_column(batch: *const Batch, name: [*]const u8, size: usize, failure: *RawError) bool;
extern fn rg_int64s(column: *Column, failure: *RawError) ?*anyopaque;
extern fn rg_float64s(column: *Column, failure: *RawError) ?*anyopaque;
extern fn rg_booleans(column: *Column, failure: *RawError) ?*anyopaque;
extern fn rg_dates(column: *Column, failure: *RawError) ?*anyopaque;
extern fn rg_times(column: *Column, failure: *RawError) ?*anyopaque;
extern fn rg_uuids(column: *Column, failure: *RawError) ?*anyopaque;
extern fn rg_texts_of(column: *Column, into: *RawTexts, failure: *RawError) bool;
extern fn rg_needs_columns(into: *anyopaque, verb: c_uint, schema: ?[*:0]const u8, table: [*:0]const u8, columns: [*c]const [*:0]const u8, count: usize) void;
extern fn rg_needs_raw_sql(into: *anyopaque) void;
extern fn rg_needs_table_rebuild(into: *anyopaque) void;
extern fn rg_needs_function(into: *anyopaque, name: [*:0]const u8) void;
extern fn rg_needs_limit(into: *anyopaque, limit: u8, at_least: u64) void;
extern fn rg_execute(sql: [*:0]const u8, parameters: [*c]const Value, count: usize, rows: *u64, failure: *RawError) bool;
extern fn rg_query(sql: [*:0]const u8, parameters: [*c]const Value, count: usize, into: *Rows, failure: *RawError) bool;
extern fn rg_transform(name: [*:0]const u8, table: [*:0]const u8, columns: [*c]const [*:0]const u8, count: usize, report: *Report, failure: *RawError) bool;
extern fn runner_migration_types_batch_free(*Batch) void;
extern fn runner_migration_batches_read(sql: *String, parameters: *List(Value), into: *i32, failure: *RawError) bool;
extern fn runner_migration_batches_read_table(source: *RawSource, into: *i32, failure: *RawError) bool;
extern fn runner_migration_batches_method_reader_next(reader: i32, into: *OptionBatch, failure: *RawError) bool;
extern fn runner_migration_batches_reader_drop_own(reader: i32) void;
extern fn runner_migration_batches_write(target: *RawTarget, into: *i32, failure: *RawError) bool;
extern fn runner_migration_batches_method_writer_write(writer: i32, rows: *Batch, changed: *u64, failure: *RawError) bool;
extern fn runner_migration_batches_method_writer_finish(writer: i32, changed: *u64, failure: *RawError) bool;
extern fn runner_migration_batches_writer_drop_own(writer: i32) void;
extern fn runner_migration_batches_transform(name: *String, source: *RawSource, target: *RawTarget, report: *Report, failure: *RawError) bool;
extern fn runner_migration_context_get_dialect() u8;
extern fn runner_migration_context_server_version(into: *String) void;
extern fn runner_migration_context_parameters(into: *Parameters) void;
extern fn runner_migration_context_list_parameter_free(*Parameters) void;
extern fn runner_migration_context_run_timestamp() i64;
extern fn runner_migration_context_seed() u64;
extern fn runner_migration_context_progress(done: u64, total: ?*u64, unit: *String) void;
extern fn runner_migration_context_open_asset(path: *String, into: *i32, failure: *RawError) bool;
extern fn runner_migration_context_method_asset_size(asset: i32) u64;
extern fn runner_migration_context_method_asset_read(asset: i32, limit: u32, into: *String, failure: *RawError) bool;
extern fn runner_migration_context_asset_drop_own(asset: i32) void;
extern fn rg_texts_start(builder: *TextsBuilder, rows: u32, size: usize, failure: *RawError) bool;
extern fn rg_texts_push(builder: *TextsBuilder, text: [*]const u8, size: usize, failure: *RawError) bool;
extern fn rg_texts_finish(builder: *TextsBuilder, column: *Column, failure: *RawError) bool;
extern fn rg_texts_drop(builder: *TextsBuilder) void;

/// What failed has a reason.
pub const Failure = error{Failed};

var failure: ?RawError = null;

/// The reason of the last failure.
pub fn reason() []const u8 {
    return if (failure) |kept| kept.message.items() else "";
}

/// The kind of a failure, to act on. Its names are those of the contract, with `_` for `-`.
pub const Kind = enum(u8) { denied, syntax, constraint, conversion, invalid_argument, timeout, busy, limit, connection, failed, other };

/// The kind of the last failure.
pub fn kind() Kind {
    return if (failure) |kept| @fromBackingInt(@intCast(kept.kind)) else .other;
}

/// The database's own code for the last failure; empty if it is not the database's.
pub fn code() []const u8 {
    return if (failure) |kept| kept.code.items() else "";
}

/// More about the last failure, such as table, column and row key; empty if there is no more.
pub fn detail() []const u8 {
    const kept = failure orelse return "";
    // Without a detail, its value is none at all.
    return if (kept.detail.is_some) kept.detail.val.items() else "";
}

/// Drops the reason of a failure that is not returned.
pub fn clear() void {
    if (failure) |*kept| runner_migration_types_error_free(kept);
    failure = null;
}

/// A failure with this reason: `return guest.fail("no country {s}", .{code})`. In a batch function, `{row 17}` in it is a row of the
/// batch that it was given, whose key and values the operator is told: `guest.fail("{{row {d}}}: no such country", .{row})`.
pub fn fail(comptime format: []const u8, arguments: anytype) Failure {
    // What is formatted may be the reason that is kept: `reason()`, `code()`.
    const text = std.fmt.allocPrint(allocator, format, arguments) catch &.{};
    clear();
    var message = borrowed(text);
    rg_readable(&message);
    failure = .{ .message = message };
    return error.Failed;
}

fn failed(raw: RawError) Failure {
    clear();
    failure = raw;
    return error.Failed;
}

fn say(level: u8, comptime format: []const u8, arguments: anytype) void {
    const text = std.fmt.allocPrint(allocator, format, arguments) catch return;
    var message = borrowed(text);
    rg_readable(&message);
    defer allocator.free(message.items());
    runner_migration_context_log(level, &message);
}

/// Writes to the log of the run, for debugging.
pub fn debug(comptime format: []const u8, arguments: anytype) void {
    say(0, format, arguments);
}

/// Writes to the log of the run.
pub fn info(comptime format: []const u8, arguments: anytype) void {
    say(1, format, arguments);
}

/// Writes to the log of the run that something is wrong.
pub fn warning(comptime format: []const u8, arguments: anytype) void {
    say(2, format, arguments);
}

/// A value of a statement. Texts in it are borrowed. The tags are those of `RUNNER_MIGRATION_TYPES_VALUE_…`.
pub const Value = extern struct {
    tag: u8,
    val: extern union { boolean: bool, int64: i64, float64: f64, text: String, date: i32, uuid: [2]u64, native: [2]String },

    pub const none: Value = .{ .tag = 0, .val = .{ .int64 = 0 } };

    pub fn boolean(value: bool) Value {
        return .{ .tag = 1, .val = .{ .boolean = value } };
    }
    pub fn int64(value: i64) Value {
        return .{ .tag = 2, .val = .{ .int64 = value } };
    }
    pub fn float64(value: f64) Value {
        return .{ .tag = 3, .val = .{ .float64 = value } };
    }
    pub fn text(value: []const u8) Value {
        return .{ .tag = 4, .val = .{ .text = borrowed(value) } };
    }
    pub fn bytes(value: []const u8) Value {
        return .{ .tag = 5, .val = .{ .text = borrowed(value) } };
    }
    /// An exact decimal number, such as `-12.50`.
    pub fn decimal(value: []const u8) Value {
        return .{ .tag = 6, .val = .{ .text = borrowed(value) } };
    }
    /// Days since 1970-01-01.
    pub fn date(days: i32) Value {
        return .{ .tag = 7, .val = .{ .date = days } };
    }
    /// Microseconds since midnight.
    pub fn time(microseconds: i64) Value {
        return .{ .tag = 8, .val = .{ .int64 = microseconds } };
    }
    /// Microseconds since 1970-01-01T00:00:00, without a time zone.
    pub fn timestamp(microseconds: i64) Value {
        return .{ .tag = 9, .val = .{ .int64 = microseconds } };
    }
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn timestamptz(microseconds: i64) Value {
        return .{ .tag = 10, .val = .{ .int64 = microseconds } };
    }
    /// The first and the last eight bytes, big-endian.
    pub fn uuid(value: [2]u64) Value {
        return .{ .tag = 11, .val = .{ .uuid = value } };
    }
    pub fn json(value: []const u8) Value {
        return .{ .tag = 12, .val = .{ .text = borrowed(value) } };
    }
    /// A value of another type of the database, in its text form.
    pub fn native(type_name: []const u8, value: []const u8) Value {
        return .{ .tag = 13, .val = .{ .native = .{ borrowed(type_name), borrowed(value) } } };
    }

    /// The text of a value that has one: also that of bytes, a decimal, JSON and what is specific to the database.
    pub fn asText(self: *const Value) ?[]const u8 {
        return switch (self.tag) {
            4, 5, 6, 12 => self.val.text.items(),
            13 => self.val.native[1].items(),
            else => null,
        };
    }
};

/// Executes one statement, and returns the number of rows that it changed.
pub fn execute(sql: [:0]const u8, parameters: []const Value) Failure!u64 {
    var raw: RawError = .{};
    var rows: u64 = 0;
    if (!rg_execute(sql, listOf(Value, parameters).ptr, parameters.len, &rows, &raw)) return failed(raw);
    return rows;
}

/// A small result.
pub const Rows = extern struct {
    columns: List(String) = .{},
    rows: List(List(Value)) = .{},

    /// The values of a row.
    pub fn row(self: *const Rows, index: usize) []Value {
        return self.rows.items()[index].items();
    }

    pub fn deinit(self: *Rows) void {
        runner_migration_types_row_set_free(self);
    }
};

/// Runs a query with a small result, which is the caller's.
pub fn query(sql: [:0]const u8, parameters: []const Value) Failure!Rows {
    var raw: RawError = .{};
    var rows: Rows = .{};
    if (!rg_query(sql, listOf(Value, parameters).ptr, parameters.len, &rows, &raw)) return failed(raw);
    return rows;
}

/// What a transform did.
pub const Report = extern struct { rows_read: u64 = 0, rows_written: u64 = 0, chunks: u64 = 0 };

/// Runs `transform` of the migration over columns of a table, and updates the rows. Without columns, all of them.
pub fn transform(name: [:0]const u8, table: [:0]const u8, columns: []const [*:0]const u8) Failure!Report {
    var raw: RawError = .{};
    var report: Report = .{};
    if (!rg_transform(name, table, columns.ptr, columns.len, &report, &raw)) return failed(raw);
    return report;
}

/// The type of a column.
pub const ColumnType = enum(u8) { boolean, int64, float64, text, bytes, decimal, date, time, timestamp, timestamptz, uuid, json, native };

/// A column to read, in the type that the database's own maps to, or in another.
pub const Request = struct { name: []const u8, read_as: ?ColumnType = null };

/// Rows to read, in the order of a key.
pub const Source = struct {
    table: []const u8,
    schema: ?[]const u8 = null,
    /// None: all columns.
    columns: []const Request = &.{},
    /// The columns that identify a row; none: the primary key.
    key: []const []const u8 = &.{},
    /// An SQL condition.
    filter: ?[]const u8 = null,
    /// The values of its placeholders.
    parameters: []const Value = &.{},
    /// From the greatest key to the least.
    descending: bool = false,

    fn raw(self: Source) RawSource {
        const requests = allocator.alloc(RawRequest, self.columns.len) catch @panic("out of memory");
        for (requests, self.columns) |*into, column| {
            const read_as: RawRequest.ReadAs = if (column.read_as) |wanted| .{ .is_some = true, .val = @backingInt(wanted) } else .{};
            into.* = .{ .name = borrowed(column.name), .read_as = read_as };
        }
        return .{
            .table = .{ .schema = .of(self.schema), .name = borrowed(self.table) },
            .columns = listOf(RawRequest, requests),
            .key = strings(self.key),
            .filter = .of(self.filter),
            .parameters = listOf(Value, self.parameters),
            .descending = self.descending,
        };
    }
};

/// What a writer does with a row.
pub const WriteMode = enum(u8) { insert, update, upsert, delete };

/// Rows to write.
pub const Target = struct {
    table: []const u8,
    mode: WriteMode,
    schema: ?[]const u8 = null,
    /// The columns that identify a row; none: the primary key.
    key: []const []const u8 = &.{},

    fn raw(self: Target) RawTarget {
        const table: RawTable = .{ .schema = .of(self.schema), .name = borrowed(self.table) };
        return .{ .table = table, .mode = @backingInt(self.mode), .key = strings(self.key) };
    }
};

const RawTable = extern struct { schema: OptionString, name: String };

const RawRequest = extern struct {
    name: String,
    read_as: ReadAs,

    const ReadAs = extern struct { is_some: bool = false, val: u8 = 0 };
};

const RawSource = extern struct {
    table: RawTable,
    columns: List(RawRequest),
    key: List(String),
    filter: OptionString,
    parameters: List(Value),
    descending: bool,

    fn drop(self: RawSource) void {
        allocator.free(self.columns.items());
        allocator.free(self.key.items());
    }
};

const RawTarget = extern struct {
    table: RawTable,
    mode: u8,
    key: List(String),

    fn drop(self: RawTarget) void {
        allocator.free(self.key.items());
    }
};

fn strings(texts: []const []const u8) List(String) {
    const made = allocator.alloc(String, texts.len) catch @panic("out of memory");
    for (made, texts) |*into, text| into.* = borrowed(text);
    return listOf(String, made);
}

/// Runs `transform` of the migration over a source, and writes what it makes to a target.
pub fn transformInto(name: []const u8, source: Source, target: Target) Failure!Report {
    var failed_with: RawError = .{};
    var report: Report = .{};
    var function = borrowed(name);
    var from = source.raw();
    defer from.drop();
    var into = target.raw();
    defer into.drop();
    if (!runner_migration_batches_transform(&function, &from, &into, &report, &failed_with)) return failed(failed_with);
    return report;
}

/// Reads a result one batch at a time.
pub const Reader = struct {
    handle: i32,

    /// The next batch, which is the caller's; none after the last.
    pub fn next(self: Reader) Failure!?Batch {
        var raw: RawError = .{};
        var found: OptionBatch = undefined;
        if (!runner_migration_batches_method_reader_next(self.handle, &found, &raw)) return failed(raw);
        return if (found.is_some) found.val else null;
    }

    pub fn deinit(self: Reader) void {
        runner_migration_batches_reader_drop_own(self.handle);
    }
};

const OptionBatch = extern struct { is_some: bool, val: Batch };

/// Reads the result of any SELECT, in the statement's own order.
pub fn read(sql: []const u8, parameters: []const Value) Failure!Reader {
    var raw: RawError = .{};
    var statement = borrowed(sql);
    var values = listOf(Value, parameters);
    var handle: i32 = 0;
    if (!runner_migration_batches_read(&statement, &values, &handle, &raw)) return failed(raw);
    return .{ .handle = handle };
}

/// Reads a table in pages, in the order of its key.
pub fn readTable(source: Source) Failure!Reader {
    var raw: RawError = .{};
    var from = source.raw();
    defer from.drop();
    var handle: i32 = 0;
    if (!runner_migration_batches_read_table(&from, &handle, &raw)) return failed(raw);
    return .{ .handle = handle };
}

/// Writes rows one batch at a time. One that is dropped without `finish` fails the migration.
pub const Writer = struct {
    handle: i32,

    /// Writes a batch, and returns the number of rows that it changed. All batches of a writer have the same columns.
    pub fn write(self: Writer, batch: Batch) Failure!u64 {
        var raw: RawError = .{};
        var changed: u64 = 0;
        var rows = batch;
        if (!runner_migration_batches_method_writer_write(self.handle, &rows, &changed, &raw)) return failed(raw);
        return changed;
    }

    /// Ends the writer, and returns the number of rows that all batches changed.
    pub fn finish(self: Writer) Failure!u64 {
        var raw: RawError = .{};
        var changed: u64 = 0;
        if (!runner_migration_batches_method_writer_finish(self.handle, &changed, &raw)) return failed(raw);
        return changed;
    }

    pub fn deinit(self: Writer) void {
        runner_migration_batches_writer_drop_own(self.handle);
    }
};

/// Opens a writer.
pub fn writer(target: Target) Failure!Writer {
    var raw: RawError = .{};
    var into = target.raw();
    defer into.drop();
    var handle: i32 = 0;
    if (!runner_migration_batches_write(&into, &handle, &raw)) return failed(raw);
    return .{ .handle = handle };
}

const VarValues = extern struct { offsets: List(u32), data: List(u8) };

const RawTexts = extern struct { offsets: [*c]const u32, data: [*c]u8, size: usize };

const TextsBuilder = extern struct { offsets: [*c]u32, rows: u32, capacity_rows: u32, data: [*c]u8, size: usize, capacity: usize };

/// The texts of a column, end to end. Change the bytes in place where their lengths stay the same.
pub const Texts = struct {
    offsets: []u32,
    data: []u8,

    pub fn at(self: Texts, row: usize) []u8 {
        return self.data[self.offsets[row]..self.offsets[row + 1]];
    }
};

/// A column of a batch.
pub const Column = extern struct {
    name: String,
    nulls: List(u8),
    tag: u8,
    val: extern union { bytes: List(u8), words: List(i64), floats: List(f64), days: List(i32), pairs: List(u64), texts: VarValues, native: extern struct { type_name: String, texts: VarValues } },

    /// Columns to write, over the caller's memory.
    pub fn ofInt64s(name: []const u8, values: []const i64) Column {
        return filled(name, .int64, .{ .words = listOf(i64, values) });
    }
    pub fn ofFloat64s(name: []const u8, values: []const f64) Column {
        return filled(name, .float64, .{ .floats = listOf(f64, values) });
    }
    /// One byte each, 0 or 1.
    pub fn ofBooleans(name: []const u8, values: []const u8) Column {
        return filled(name, .boolean, .{ .bytes = listOf(u8, values) });
    }
    /// Days since 1970-01-01.
    pub fn ofDates(name: []const u8, values: []const i32) Column {
        return filled(name, .date, .{ .days = listOf(i32, values) });
    }
    /// Microseconds: `kind_of` is `.time`, `.timestamp` or `.timestamptz`.
    pub fn ofTimes(name: []const u8, kind_of: ColumnType, values: []const i64) Column {
        return filled(name, kind_of, .{ .words = listOf(i64, values) });
    }
    /// Two numbers for each row.
    pub fn ofUuids(name: []const u8, values: []const u64) Column {
        return filled(name, .uuid, .{ .pairs = listOf(u64, values) });
    }
    /// A copy of texts, from an allocator: `kind_of` is `.text`, `.bytes`, `.decimal` or `.json`.
    pub fn ofTexts(from: std.mem.Allocator, name: []const u8, kind_of: ColumnType, values: []const []const u8) !Column {
        const offsets = try from.alloc(u32, values.len + 1);
        offsets[0] = 0;
        for (values, 0..) |value, row| offsets[row + 1] = offsets[row] + @as(u32, @intCast(value.len));
        const data = try std.mem.concat(from, u8, values);
        const all: VarValues = .{ .offsets = listOf(u32, offsets), .data = borrowed(data) };
        return filled(name, kind_of, .{ .texts = all });
    }

    fn filled(name: []const u8, kind_of: ColumnType, val: @FieldType(Column, "val")) Column {
        return .{ .name = borrowed(name), .nulls = .{}, .tag = @backingInt(kind_of), .val = val };
    }

    /// The column with NULLs: one byte for each row, 1 where it is NULL.
    pub fn withNulls(self: Column, nulls: []const u8) Column {
        var with = self;
        with.nulls = listOf(u8, nulls);
        return with;
    }

    pub fn columnType(self: *const Column) ColumnType {
        return @fromBackingInt(@intCast(self.tag));
    }

    /// Whether the entry of a row is NULL. One that is has no meaning.
    pub fn isNull(self: *const Column, row: usize) bool {
        return self.nulls.len != 0 and self.nulls.ptr[row] != 0;
    }

    /// The entries, to read and to change. A column of nothing but NULLs becomes one of the type that is asked for.
    pub fn int64s(self: *Column) Failure![]i64 {
        try self.as(rg_int64s);
        return self.val.words.items();
    }
    pub fn float64s(self: *Column) Failure![]f64 {
        try self.as(rg_float64s);
        return self.val.floats.items();
    }
    /// One byte each, 0 or 1.
    pub fn booleans(self: *Column) Failure![]u8 {
        try self.as(rg_booleans);
        return self.val.bytes.items();
    }
    /// Days since 1970-01-01.
    pub fn dates(self: *Column) Failure![]i32 {
        try self.as(rg_dates);
        return self.val.days.items();
    }
    /// Microseconds: of `time`, `timestamp` or `timestamptz`.
    pub fn times(self: *Column) Failure![]i64 {
        try self.as(rg_times);
        return self.val.words.items();
    }
    /// Two numbers each: the first and the last eight bytes, big-endian.
    pub fn uuids(self: *Column) Failure![]u64 {
        try self.as(rg_uuids);
        return self.val.pairs.items();
    }
    /// Also bytes, decimals, JSON and what is specific to the database.
    pub fn texts(self: *Column) Failure!Texts {
        var failed_with: RawError = .{};
        var found: RawTexts = undefined;
        if (!rg_texts_of(self, &found, &failed_with)) return failed(failed_with);
        const raw = if (self.tag == 12) self.val.native.texts else self.val.texts;
        return .{ .offsets = raw.offsets.items(), .data = raw.data.items() };
    }

    /// Replaces each text that is not NULL by what `function(context, allocator, to, text)` appends to the empty list `to`.
    pub fn mapTexts(self: *Column, context: anytype, comptime function: anytype) !void {
        const old = try self.texts();
        const rows = old.offsets.len - 1;
        var raw: RawError = .{};
        var builder: TextsBuilder = undefined;
        if (!rg_texts_start(&builder, @intCast(rows), old.data.len, &raw)) return failed(raw);
        // Empty after `rg_texts_finish`, and dropping it does nothing then.
        defer rg_texts_drop(&builder);
        var made: std.ArrayList(u8) = .empty;
        defer made.deinit(allocator);
        for (0..rows) |row| {
            made.clearRetainingCapacity();
            if (!self.isNull(row)) try function(context, allocator, &made, old.at(row));
            if (!rg_texts_push(&builder, made.items.ptr, made.items.len, &raw)) return failed(raw);
        }
        if (!rg_texts_finish(&builder, self, &raw)) return failed(raw);
    }

    fn as(self: *Column, comptime entries: fn (*Column, *RawError) callconv(.c) ?*anyopaque) Failure!void {
        var raw: RawError = .{};
        if (entries(self, &raw) == null) return failed(raw);
    }
};

/// Some thousands of rows, as columns.
pub const Batch = extern struct {
    row_count: u32,
    columns: List(Column),

    /// A batch to write, over the caller's columns.
    pub fn of(rows: usize, columns: []const Column) Batch {
        return .{ .row_count = @intCast(rows), .columns = listOf(Column, columns) };
    }

    /// Frees a batch that a reader returned.
    pub fn deinit(self: *Batch) void {
        runner_migration_types_batch_free(self);
    }

    /// The column of that name.
    pub fn column(self: *Batch, name: []const u8) Failure!*Column {
        for (self.columns.items()) |*found| {
            if (std.mem.eql(u8, found.name.items(), name)) return found;
        }
        var raw: RawError = undefined;
        _ = rg_fail_column(self, name.ptr, name.len, &raw);
        return failed(raw);
    }
};

/// What a migration needs: `runner plan` shows it, and compares it with what the operator grants.
pub const Need = union(enum) {
    /// Rows, also in a condition.
    read: Table,
    insert: Table,
    update: Table,
    delete: Table,
    /// Columns, constraints and indexes.
    alter: Table,
    create: Table,
    drop: Table,
    /// Statements of its own.
    raw_sql,
    /// On SQLite, foreign keys are checked at the end only, so that tables can be rebuilt.
    table_rebuild,
    /// The function of this name, which does more than compute with its arguments.
    function: [:0]const u8,
    /// A limit that is not lower than this.
    limit: struct { name: Limit, at_least: u64 },

    pub const Table = struct {
        /// A trailing `*` matches any suffix.
        name: [:0]const u8,
        /// For `read`, `insert` and `update`; none are all of them.
        columns: []const [*:0]const u8 = &.{},
        /// The one in which the migration works, if there is none.
        schema: ?[:0]const u8 = null,
    };

    /// The limits, by their names in the settings.
    pub const Limit = enum(u8) { guest_memory, fuel, stack, handles, host_call_bytes, host_calls, statement_bytes, query_rows, query_bytes, cell_bytes };

    fn add(need: Need, into: *anyopaque) void {
        switch (need) {
            // The verbs are the first kinds, in the order of the contract.
            .read, .insert, .update, .delete, .alter, .create, .drop => |table| {
                const place: ?[*:0]const u8 = if (table.schema) |name| name.ptr else null;
                rg_needs_columns(into, @intFromEnum(need), place, table.name, table.columns.ptr, table.columns.len);
            },
            .raw_sql => rg_needs_raw_sql(into),
            .table_rebuild => rg_needs_table_rebuild(into),
            .function => |name| rg_needs_function(into, name),
            .limit => |limit| rg_needs_limit(into, @intFromEnum(limit.name), limit.at_least),
        }
    }
};

/// How the work of a migration is committed: `auto` is atomic where the database can roll back changes of the schema.
pub const Mode = enum(u8) { auto, atomic, stepwise };

/// The families of databases.
pub const Dialect = enum(u8) { sqlite, postgres, mysql, mariadb };

/// The family of the database.
pub fn dialect() Dialect {
    return @fromBackingInt(@intCast(runner_migration_context_get_dialect()));
}

/// The version that the database reports, such as 3.51.1, from an allocator.
pub fn serverVersion(from: std.mem.Allocator) ![]u8 {
    var found: String = .{};
    runner_migration_context_server_version(&found);
    defer allocator.free(found.items());
    return from.dupe(u8, found.items());
}

/// A parameter of the run.
pub const Parameter = extern struct { name: String, value: Value };

/// All parameters of the run.
pub const Parameters = extern struct {
    all: List(Parameter) = .{},

    pub fn init() Parameters {
        var found: Parameters = .{};
        runner_migration_context_parameters(&found);
        return found;
    }

    /// The value of the parameter of that name, unless it is not set.
    pub fn get(self: *const Parameters, name: []const u8) ?*const Value {
        for (self.all.items()) |*parameter| {
            if (std.mem.eql(u8, parameter.name.items(), name)) return &parameter.value;
        }
        return null;
    }

    pub fn deinit(self: *Parameters) void {
        runner_migration_context_list_parameter_free(self);
    }
};

/// The time of the run, which is recorded in the history: microseconds since 1970-01-01T00:00:00Z.
pub fn runTimestamp() i64 {
    return runner_migration_context_run_timestamp();
}

/// The seed of the run, which is recorded in the history.
pub fn seed() u64 {
    return runner_migration_context_seed();
}

/// Reports work that the host cannot see: done of a total, if it is known, in a unit such as rows.
pub fn progress(done: u64, total: ?u64, unit: []const u8) void {
    var all = total orelse 0;
    var name = borrowed(unit);
    runner_migration_context_progress(done, if (total == null) null else &all, &name);
}

/// A file of the directory `assets`.
pub const Asset = struct {
    handle: i32,

    /// Opens a file by its relative path, with `/` as the separator.
    pub fn open(path: []const u8) Failure!Asset {
        var raw: RawError = .{};
        var name = borrowed(path);
        var handle: i32 = 0;
        if (!runner_migration_context_open_asset(&name, &handle, &raw)) return failed(raw);
        return .{ .handle = handle };
    }

    /// Its size in bytes.
    pub fn size(self: Asset) u64 {
        return runner_migration_context_method_asset_size(self.handle);
    }

    /// The next bytes, `into.len` at most; none at the end of the file.
    pub fn read(self: Asset, into: []u8) Failure![]u8 {
        var raw: RawError = .{};
        var found: String = .{};
        if (!runner_migration_context_method_asset_read(self.handle, @intCast(into.len), &found, &raw)) return failed(raw);
        defer allocator.free(found.items());
        @memcpy(into[0..found.len], found.items());
        return into[0..found.len];
    }

    pub fn deinit(self: Asset) void {
        runner_migration_context_asset_drop_own(self.handle);
    }
};

/// Whether a file declares a name at its top level without `pub`. Other files do not see that, so its text is read.
fn hides(source: [:0]const u8, name: []const u8) bool {
    // That of all names together, which are looked for in the same evaluation.
    @setEvalBranchQuota(50_000 + 2_500 * source.len);
    // Much faster than tokens, and most files do not have the name.
    if (std.mem.find(u8, source, name) == null) return false;
    var tokens: std.zig.Tokenizer = .init(source);
    var depth: usize = 0;
    var before: std.zig.Token.Tag = .semicolon;
    var declares = false;
    while (true) {
        const token = tokens.next();
        switch (token.tag) {
            .eof => return false,
            .l_brace => depth += 1,
            .r_brace => depth -|= 1,
            .identifier => if (declares and std.mem.eql(u8, source[token.loc.start..token.loc.end], name)) return true,
            else => {},
        }
        declares = depth == 0 and before != .keyword_pub and switch (token.tag) {
            .keyword_const, .keyword_var, .keyword_fn => true,
            else => false,
        };
        before = token.tag;
    }
}

/// Exports a migration.
pub fn exportMigration(comptime Migration: type) void {
    inline for (.{
        .{ "needs", "pub const needs = [_]guest.Need{ … };" },
        .{ "irreversible", "pub const irreversible = true;" },
        .{ "mode", "pub const mode: guest.Mode = .stepwise;" },
        .{ "dialects", "pub const dialects = [_]guest.Dialect{ … };" },
        .{ "depends_on", "pub const depends_on = [_][:0]const u8{ … };" },
    }) |optional| {
        if (!@hasDecl(Migration, optional[0]) and Migration == @import("root") and hides(@embedFile("root"), optional[0])) {
            @compileError("`" ++ optional[0] ++ "` of a migration has to be public: `" ++ optional[1] ++ "`");
        }
    }
    const exported = struct {
        fn describe(into: *anyopaque) callconv(.c) void {
            rg_summary(into, Migration.summary);
            if (@hasDecl(Migration, "needs")) {
                for (Migration.needs) |need| need.add(into);
            }
            if (@hasDecl(Migration, "irreversible") and Migration.irreversible) rg_irreversible(into);
            if (@hasDecl(Migration, "mode")) rg_mode(into, @intFromEnum(@as(Mode, Migration.mode)));
            if (@hasDecl(Migration, "dialects")) {
                for (Migration.dialects) |each| rg_dialect(into, @intFromEnum(@as(Dialect, each)));
            }
            if (@hasDecl(Migration, "depends_on")) {
                for (Migration.depends_on) |revision| rg_depends_on(into, revision);
            }
        }
        fn upgrade(into: *RawError) callconv(.c) bool {
            return finished(Migration.upgrade(), into);
        }
        fn downgrade(into: *RawError) callconv(.c) bool {
            return finished(Migration.downgrade(), into);
        }
        fn transformBatch(name: [*:0]const u8, batch: *Batch, into: *RawError) callconv(.c) bool {
            return finished(Migration.transform(std.mem.span(name), batch), into);
        }
    };
    @export(&exported.describe, .{ .name = "migration_describe" });
    @export(&exported.upgrade, .{ .name = "migration_upgrade" });
    @export(&exported.downgrade, .{ .name = "migration_downgrade" });
    @export(&exported.transformBatch, .{ .name = "migration_transform" });
}

fn finished(outcome: anyerror!void, into: *RawError) bool {
    if (outcome) |_| {
        // The reason of a failure that was handled.
        clear();
        return true;
    } else |cause| {
        if (cause != error.Failed or failure == null) _ = fail("{s}", .{@errorName(cause)}) catch {};
        into.* = failure.?;
        failure = null;
        return false;
    }
}

/// What a migration declares as its `panic`: the log says what happened, and the component ends.
pub const panic = std.debug.FullPanic(struct {
    fn panicked(message: []const u8, _: ?usize) noreturn {
        // Without memory for a copy, the message is the panic's own, which is UTF-8.
        var text = borrowed(allocator.dupe(u8, message) catch message);
        rg_readable(&text);
        runner_migration_process_abort(&text);
        @trap();
    }
}.panicked);
