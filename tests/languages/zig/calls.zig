//! Calls of everything that the host offers, and what it answers: the tests compare what each language is told.
//!
//! says error: no such country: Züri
//! says raised: index out of bounds: index 5, len 0
//! says batch: row id = 1: too many rows
//! says unreadable: no such country: Z��ri�
//! says unreadable: : Gen�ve
const std = @import("std");
const guest = @import("runner_guest");

const Allocator = std.mem.Allocator;
const Value = guest.Value;

pub const summary = "calls of everything";

const names = [_][]const u8{ "id", "truth", "whole", "fraction", "words", "octets", "exact", "d", "clock", "moment", "instant", "u", "j" };
const list = "id, truth, whole, fraction, words, octets, exact, d, clock, moment, instant, u, j";

/// What is told, in memory that is freed at the end of the migration.
const Lines = struct {
    arena: Allocator,
    all: std.ArrayList([]const u8) = .empty,

    fn tell(self: *Lines, comptime format: []const u8, arguments: anytype) !void {
        try self.all.append(self.arena, try std.fmt.allocPrint(self.arena, format, arguments));
    }

    /// A statement with the placeholder of its only parameter.
    fn with(self: *Lines, comptime format: []const u8) ![:0]const u8 {
        const place = if (guest.dialect() == .postgres) "$1" else "?";
        return std.fmt.allocPrintSentinel(self.arena, format, .{place}, 0);
    }

    /// A value and its kind.
    fn told(self: *Lines, value: *const Value) ![]const u8 {
        const print = std.fmt.allocPrint;
        const arena = self.arena;
        return switch (value.tag) {
            0 => "null",
            1 => if (value.val.boolean) "boolean true" else "boolean false",
            2 => print(arena, "int64 {d}", .{value.val.int64}),
            3 => print(arena, "float64 {x:0>16}", .{@as(u64, @bitCast(value.val.float64))}),
            4 => print(arena, "text {s}", .{value.asText().?}),
            5 => print(arena, "bytes {x}", .{value.asText().?}),
            6 => print(arena, "decimal {s}", .{value.asText().?}),
            7 => print(arena, "date {d}", .{value.val.date}),
            8 => print(arena, "time {d}", .{value.val.int64}),
            9 => print(arena, "timestamp {d}", .{value.val.int64}),
            10 => print(arena, "timestamptz {d}", .{value.val.int64}),
            11 => {
                const high, const low = value.val.uuid;
                const parts = .{ high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48, low & 0xffffffffffff };
                return print(arena, "uuid {x:0>8}-{x:0>4}-{x:0>4}-{x:0>4}-{x:0>12}", parts);
            },
            12 => print(arena, "json {s}", .{value.asText().?}),
            else => print(arena, "native {s} {s}", .{ value.val.native[0].items(), value.asText().? }),
        };
    }
};

/// The kind of the failure, as the contract spells it.
fn kind() []const u8 {
    defer guest.clear();
    return if (guest.kind() == .invalid_argument) "invalid-argument" else @tagName(guest.kind());
}

fn byName(_: void, one: guest.Parameter, other: guest.Parameter) bool {
    return std.mem.lessThan(u8, one.name.items(), other.name.items());
}

fn run(lines: *Lines) !void {
    try lines.tell("dialect: {s}", .{@tagName(guest.dialect())});
    try lines.tell("version: {s}", .{try guest.serverVersion(lines.arena)});
    try lines.tell("time: {d}", .{guest.runTimestamp()});
    try lines.tell("seed: {d}", .{guest.seed()});
    var parameters = guest.Parameters.init();
    defer parameters.deinit();
    std.mem.sort(guest.Parameter, parameters.all.items(), {}, byName);
    for (parameters.all.items()) |*it| try lines.tell("parameter {s}: {s}", .{ it.name.items(), try lines.told(&it.value) });
    const asset = try guest.Asset.open("deeper/words.bin");
    defer asset.deinit();
    var bytes: std.ArrayList(u8) = .empty;
    var buffer: [5]u8 = undefined;
    while (true) {
        const part = try asset.read(&buffer);
        if (part.len == 0) break;
        try bytes.appendSlice(lines.arena, part);
    }
    try lines.tell("asset: {d}, {x}", .{ asset.size(), bytes.items });
    if (guest.Asset.open("missing.txt")) |_| return error.NotMissing else |_| try lines.tell("no asset: {s}", .{kind()});
    guest.debug("debug {s}", .{"ünï"});
    guest.info("info 🦉", .{});
    guest.warning("warning", .{});
    guest.progress(1, 2, "checks");
    guest.progress(2, null, "checks");
}

fn scalars(lines: *Lines) !void {
    const insert: [:0]const u8 = if (guest.dialect() == .postgres)
        "INSERT INTO scalars (" ++ list ++ ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    else
        "INSERT INTO scalars (" ++ list ++ ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const x: [1000]u8 = @splat('x');
    const y: [100]u8 = @splat('y');
    const nothing: [12]Value = @splat(Value.none);
    const rows = [_][13]Value{
        .{
            .int64(1),                    .boolean(true),                 .int64(std.math.maxInt(i64)),                       .float64(1.25),
            .text("ünï 🦉 \u{10fffd}"),
            .bytes("\x00\xff\n"),         .decimal("12.25"),              .date(20513),                                       .time(34200250000),
            .timestamp(1772357400000001), .timestamptz(1772357400000001), .uuid(.{ 0x9b2f3c1e6d0a4f58, 0x8a771c2d3e4f5a6b }), .json("{\"a\":1}"),
        },
        .{
            .int64(2),      .boolean(false), .int64(std.math.minInt(i64)), .float64(-0.1),   .text(""),        .bytes(""),        .decimal("-7.75"),
            .date(-354285), .time(0),        .timestamp(-1),               .timestamptz(-1), .uuid(.{ 0, 1 }), .json("\"text\""),
        },
        [_]Value{.int64(3)} ++ nothing,
        .{
            .int64(4),          .boolean(true),                 .int64(0),                        .float64(1e300),                                        .text(&x),         .bytes(&y), .decimal("12345678.91"), .date(2932896),
            .time(86399999999), .timestamp(253402300799000000), .timestamptz(253402300799000000), .uuid(.{ std.math.maxInt(u64), std.math.maxInt(u64) }), .json("[1,null]"),
        },
    };
    var inserted: [4]u64 = undefined;
    for (&inserted, &rows) |*count, *row| count.* = try guest.execute(insert, row);
    try lines.tell("inserted: {d}, {d}, {d}, {d}", .{ inserted[0], inserted[1], inserted[2], inserted[3] });
    var found = try guest.query("SELECT " ++ list ++ " FROM scalars ORDER BY id", &.{});
    defer found.deinit();
    for (0..found.rows.len) |index| {
        const row = found.row(index);
        for (row, names) |*value, name| try lines.tell("scalar {d} {s}: {s}", .{ row[0].val.int64, name, try lines.told(value) });
    }
    const updated = try guest.execute(try lines.with("UPDATE scalars SET whole = 7 WHERE id < {s}"), &.{.int64(3)});
    try lines.tell("updated: {d}", .{updated});
    var none = try guest.query("SELECT id FROM scalars WHERE id > 9", &.{});
    defer none.deinit();
    try lines.tell("no rows: {d}", .{none.rows.len});
    if (guest.dialect() != .postgres) return;
    // A type that the contract has no case for.
    var asked = try guest.query("SELECT CAST($1 AS inet)", &.{.native("inet", "10.0.0.1/8")});
    defer asked.deinit();
    try lines.tell("native: {s}", .{try lines.told(&asked.row(0)[0])});
    const reader = try guest.read("SELECT CAST('fe80::1/64' AS inet) AS address", &.{});
    defer reader.deinit();
    var batch = (try reader.next()).?;
    defer batch.deinit();
    const address = try batch.column("address");
    try lines.tell("native column: {s} {s}", .{ address.val.native.type_name.items(), (try address.texts()).at(0) });
}

/// Writes one batch, and returns what the writer says at its end.
fn write(target: guest.Target, columns: []const guest.Column, rows: usize) !u64 {
    const writer = try guest.writer(target);
    defer writer.deinit();
    _ = try writer.write(.of(rows, columns));
    return writer.finish();
}

fn many(lines: *Lines) !void {
    const arena = lines.arena;
    const writer = try guest.writer(.{ .table = "many", .mode = .insert });
    defer writer.deinit();
    var written: [2]u64 = undefined;
    for (&written, 0..) |*count, half| {
        const ids = try arena.alloc(i64, 20000);
        const ns = try arena.alloc(i64, 20000);
        const texts = try arena.alloc([]const u8, 20000);
        for (ids, ns, texts, 1..) |*id, *n, *text, index| {
            id.* = @intCast(half * 20000 + index);
            n.* = 3 * id.*;
            text.* = try std.fmt.allocPrint(arena, "n{d} ü🦉", .{id.*});
        }
        const columns = [_]guest.Column{ .ofInt64s("id", ids), .ofInt64s("n", ns), try .ofTexts(arena, "name", .text, texts) };
        count.* = try writer.write(.of(20000, &columns));
    }
    try lines.tell("many written: {d}, {d}, {d}", .{ written[0], written[1], try writer.finish() });
    const some: guest.Source = .{
        .table = "many",
        .columns = &.{ .{ .name = "n" }, .{ .name = "name" } },
        .filter = try lines.with("id > {s}"),
        .parameters = &.{.int64(100)},
    };
    const changed_report = try guest.transformInto("changed", some, .{ .table = "many", .mode = .update });
    try lines.tell("many transformed: {d}, {d}, {d}", .{ changed_report.rows_read, changed_report.rows_written, changed_report.chunks });
    const report = try guest.transformInto("halved", .{ .table = "many" }, .{ .table = "more", .mode = .insert });
    try lines.tell("more transformed: {d}, {d}, {d}", .{ report.rows_read, report.rows_written, report.chunks });

    var read: usize = 0;
    var first: i64 = 0;
    var sum: i64 = 0;
    var hash: u32 = 0;
    const reader = try guest.read(try lines.with("SELECT id, n, name FROM many WHERE id > {s} ORDER BY id DESC"), &.{.int64(5)});
    defer reader.deinit();
    while (try reader.next()) |found| {
        var batch = found;
        defer batch.deinit();
        if (read == 0) first = (try (try batch.column("id")).int64s())[0];
        read += batch.row_count;
        for (try (try batch.column("n")).int64s()) |n| sum += n;
        for ((try (try batch.column("name")).texts()).data) |byte| hash = hash *% 31 +% byte;
    }
    try lines.tell("many read: {d}, {d}, {d}, {d}", .{ read, first, sum, hash });

    var ids: std.ArrayList(i64) = .empty;
    const descending = try guest.readTable(.{
        .table = "more",
        .columns = &.{.{ .name = "n" }},
        .key = &.{"id"},
        .filter = try lines.with("id <= {s}"),
        .parameters = &.{.int64(1000)},
        .descending = true,
    });
    defer descending.deinit();
    while (try descending.next()) |found| {
        var batch = found;
        defer batch.deinit();
        try ids.appendSlice(arena, try (try batch.column("id")).int64s());
    }
    try lines.tell("more read: {d}, {d}, {d}", .{ ids.items.len, ids.items[0], ids.items[ids.items.len - 1] });
    // One that is not read to its end.
    const begun = try guest.readTable(.{ .table = "many" });
    defer begun.deinit();
    var page = (try begun.next()).?;
    page.deinit();

    const update = [_]guest.Column{ .ofInt64s("id", &.{ 2, 4 }), .ofInt64s("n", &.{ -1, -2 }) };
    try lines.tell("more updated: {d}", .{try write(.{ .table = "more", .mode = .update, .key = &.{"id"} }, &update, 2)});
    const upsert = [_]guest.Column{
        .ofInt64s("id", &.{ 4, 5 }), .ofInt64s("n", &.{ -3, -4 }), try .ofTexts(arena, "name", .text, &.{ "four", "five" }),
    };
    try lines.tell("more upserted: {d}", .{try write(.{ .table = "more", .mode = .upsert }, &upsert, 2)});
    const delete = [_]guest.Column{.ofInt64s("id", &.{2})};
    try lines.tell("more deleted: {d}", .{try write(.{ .table = "more", .mode = .delete }, &delete, 1)});
    var asked = try guest.query("SELECT count(*), min(n), max(n) FROM more", &.{});
    defer asked.deinit();
    const left = asked.row(0);
    try lines.tell("more left: {s}, {s}, {s}", .{ try lines.told(&left[0]), try lines.told(&left[1]), try lines.told(&left[2]) });
}

fn firstOf(source: guest.Source) []const u8 {
    const reader = guest.readTable(source) catch return kind();
    defer reader.deinit();
    _ = reader.next() catch return kind();
    return "none";
}

fn errors(lines: *Lines) !void {
    for ([_][:0]const u8{
        "SELECT FROM WHERE",
        "SELECT nothing FROM nowhere",
        "INSERT INTO many (id, n, name) VALUES (1, 1, 'x')",
        "INSERT INTO many (id, n, name) VALUES (0, NULL, 'x')",
        "COMMIT",
    }) |statement| {
        if (guest.execute(statement, &.{})) |rows| {
            try lines.tell("error {s}: none, {d}", .{ statement, rows });
        } else |_| {
            const why = .{ statement, @tagName(guest.kind()), guest.code(), guest.reason(), guest.detail() };
            try lines.tell("error {s}: {s}|{s}|{s}|{s}", why);
            guest.clear();
        }
    }
    try lines.tell("conversion: {s}", .{firstOf(.{ .table = "many", .columns = &.{.{ .name = "name", .read_as = .int64 }} })});
    try lines.tell("no column: {s}", .{firstOf(.{ .table = "many", .columns = &.{.{ .name = "missing" }} })});
    try lines.tell("no table: {s}", .{firstOf(.{ .table = "nowhere" })});
}

/// Fails, as the operator asks for it.
fn fail(how: []const u8, parameters: usize) !void {
    if (std.mem.eql(u8, how, "error")) return guest.fail("no such country: {s}", .{"Züri"});
    if (std.mem.eql(u8, how, "unreadable")) {
        guest.info("{s}", .{"Gen\xe8ve"});
        return guest.fail("no such country: {s}", .{"Z\xfc\xe2ri\xf0"});
    }
    if (std.mem.eql(u8, how, "batch")) {
        _ = try guest.execute("INSERT INTO many (id, n, name) VALUES (1, 1, 'x')", &.{});
        _ = try guest.transform("fails", "many", &.{});
    }
    const nothing = how[how.len..];
    return guest.fail("the byte is {d}", .{nothing[parameters]});
}

pub fn upgrade() !void {
    var memory: std.heap.ArenaAllocator = .init(std.heap.c_allocator);
    defer memory.deinit();
    var parameters = guest.Parameters.init();
    defer parameters.deinit();
    if (parameters.get("failing")) |how| return fail(how.asText().?, parameters.all.len);
    var lines: Lines = .{ .arena = memory.allocator() };
    try run(&lines);
    try scalars(&lines);
    try many(&lines);
    try errors(&lines);
    const ids = try lines.arena.alloc(i64, lines.all.items.len);
    for (ids, 0..) |*id, row| id.* = @intCast(row);
    const columns = [_]guest.Column{ .ofInt64s("id", ids), try .ofTexts(lines.arena, "line", .text, lines.all.items) };
    _ = try write(.{ .table = "told", .mode = .insert }, &columns, ids.len);
}

pub fn downgrade() !void {
    for ([_][:0]const u8{ "DELETE FROM scalars", "DELETE FROM many", "DELETE FROM more", "DELETE FROM told" }) |statement| {
        _ = try guest.execute(statement, &.{});
    }
}

pub fn transform(name: []const u8, batch: *guest.Batch) !void {
    if (std.mem.eql(u8, name, "fails")) return guest.fail("{{row {d}}}: too many rows", .{0});
    const n = try batch.column("n");
    const ns = try n.int64s();
    const text = try batch.column("name");
    if (std.mem.eql(u8, name, "changed")) {
        for (ns) |*number| number.* += 1;
        return text.mapTexts({}, louder);
    }
    // Every second row, in place: a batch may have fewer rows than it came with.
    const id = try batch.column("id");
    const ids = try id.int64s();
    const texts = try text.texts();
    var kept: u32 = 0;
    var end: u32 = 0;
    for (0..batch.row_count) |row| {
        if (@mod(ids[row], 2) != 0) continue;
        const old = texts.at(row);
        @memmove(texts.data[end..][0..old.len], old);
        end += @intCast(old.len);
        ids[kept] = ids[row];
        ns[kept] = ns[row];
        kept += 1;
        texts.offsets[kept] = end;
    }
    batch.row_count = kept;
    id.val.words.len = kept;
    n.val.words.len = kept;
    text.val.texts.offsets.len = kept + 1;
    text.val.texts.data.len = end;
}

fn louder(_: void, allocator: Allocator, to: *std.ArrayList(u8), text: []const u8) !void {
    try to.appendSlice(allocator, text);
    try to.append(allocator, '!');
}

comptime {
    guest.exportMigration(@This());
}

pub const panic = guest.panic;
