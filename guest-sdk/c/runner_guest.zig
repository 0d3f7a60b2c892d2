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
//! It may have a declaration `needs` too: `pub const needs = [_]guest.Need{ .raw_sql, .{ .read = .{ .name = "people" } } };`.
//!
//! What fails returns `error.Failed`, and keeps the reason until it is returned or `clear` drops it. `fail` gives a reason. Other errors
//! become messages with their names.
//!
//! The batch and what its functions return are the host's, and valid during the call. `Rows` is the caller's: `deinit` frees it.
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

fn borrowed(text: []const u8) String {
    return .{ .ptr = @constCast(text.ptr), .len = text.len };
}

const RawError = extern struct {
    kind: u8 = 9,
    code: String = .{},
    message: String = .{},
    detail: extern struct { is_some: bool = false, val: String = .{} } = .{},
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
extern fn rg_summary(into: *anyopaque, summary: [*:0]const u8) void;
extern fn rg_needs_columns(into: *anyopaque, verb: c_uint, schema: ?[*:0]const u8, table: [*:0]const u8, columns: [*c]const [*:0]const u8, count: usize) void;
extern fn rg_needs_raw_sql(into: *anyopaque) void;
extern fn rg_needs_table_rebuild(into: *anyopaque) void;
extern fn rg_needs_function(into: *anyopaque, name: [*:0]const u8) void;
extern fn rg_needs_limit(into: *anyopaque, limit: u8, at_least: u64) void;
extern fn rg_execute(sql: [*:0]const u8, parameters: [*c]const Value, count: usize, rows: *u64, failure: *RawError) bool;
extern fn rg_query(sql: [*:0]const u8, parameters: [*c]const Value, count: usize, into: *Rows, failure: *RawError) bool;
extern fn rg_transform(name: [*:0]const u8, table: [*:0]const u8, columns: [*c]const [*:0]const u8, count: usize, report: *Report, failure: *RawError) bool;
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

/// Drops the reason of a failure that is not returned.
pub fn clear() void {
    if (failure) |*kept| runner_migration_types_error_free(kept);
    failure = null;
}

/// A failure with this reason: `return guest.fail("row {d}: no such country", .{row})`.
pub fn fail(comptime format: []const u8, arguments: anytype) Failure {
    clear();
    const text = std.fmt.allocPrint(allocator, format, arguments) catch &.{};
    failure = .{ .message = borrowed(text) };
    return error.Failed;
}

fn failed(raw: RawError) Failure {
    clear();
    failure = raw;
    return error.Failed;
}

fn say(level: u8, comptime format: []const u8, arguments: anytype) void {
    const text = std.fmt.allocPrint(allocator, format, arguments) catch return;
    defer allocator.free(text);
    var message = borrowed(text);
    runner_migration_context_log(level, &message);
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
};

/// Executes one statement, and returns the number of rows that it changed.
pub fn execute(sql: [:0]const u8, parameters: []const Value) Failure!u64 {
    var raw: RawError = .{};
    var rows: u64 = 0;
    if (!rg_execute(sql, parameters.ptr, parameters.len, &rows, &raw)) return failed(raw);
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
    if (!rg_query(sql, parameters.ptr, parameters.len, &rows, &raw)) return failed(raw);
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

const VarValues = extern struct { offsets: List(u32), data: List(u8) };

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
    val: extern union { bytes: List(u8), words: List(i64), floats: List(f64), days: List(i32), texts: VarValues, native: extern struct { type_name: String, texts: VarValues } },

    /// Whether the entry of a row is NULL. One that is has no meaning.
    pub fn isNull(self: *const Column, row: usize) bool {
        return self.nulls.len != 0 and self.nulls.ptr[row] != 0;
    }

    /// The entries, to read and to change.
    pub fn int64s(self: *Column) Failure![]i64 {
        return if (self.tag == 1) self.val.words.items() else self.not("64-bit integers");
    }
    pub fn float64s(self: *Column) Failure![]f64 {
        return if (self.tag == 2) self.val.floats.items() else self.not("64-bit floating-point numbers");
    }
    /// One byte each, 0 or 1.
    pub fn booleans(self: *Column) Failure![]u8 {
        return if (self.tag == 0) self.val.bytes.items() else self.not("booleans");
    }
    /// Days since 1970-01-01.
    pub fn dates(self: *Column) Failure![]i32 {
        return if (self.tag == 6) self.val.days.items() else self.not("dates");
    }
    /// Microseconds: of `time`, `timestamp` or `timestamptz`.
    pub fn times(self: *Column) Failure![]i64 {
        return if (self.tag >= 7 and self.tag <= 9) self.val.words.items() else self.not("times");
    }
    /// Also bytes, decimals, JSON and what is specific to the database.
    pub fn texts(self: *Column) Failure!Texts {
        const raw = switch (self.tag) {
            3, 4, 5, 11 => self.val.texts,
            12 => self.val.native.texts,
            else => return self.not("texts"),
        };
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

    fn not(self: *Column, what: []const u8) Failure {
        return fail("the column `{s}` does not hold {s}", .{ self.name.items(), what });
    }
};

/// Some thousands of rows, as columns.
pub const Batch = extern struct {
    row_count: u32,
    columns: List(Column),

    /// The column of that name.
    pub fn column(self: *Batch, name: []const u8) Failure!*Column {
        for (self.columns.items()) |*found| {
            if (std.mem.eql(u8, found.name.items(), name)) return found;
        }
        return fail("the batch has no column `{s}`", .{name});
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

/// Exports a migration.
pub fn exportMigration(comptime Migration: type) void {
    const exported = struct {
        fn describe(into: *anyopaque) callconv(.c) void {
            rg_summary(into, Migration.summary);
            if (@hasDecl(Migration, "needs")) {
                for (Migration.needs) |need| need.add(into);
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
        var text = borrowed(message);
        runner_migration_context_log(2, &text);
        @trap();
    }
}.panicked);
