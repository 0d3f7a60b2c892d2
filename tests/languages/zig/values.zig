//! Values of every type, written, read and told: the tests compare what each language makes of them, byte by byte.
const std = @import("std");
const guest = @import("runner_guest");

pub const summary = "values of every type";

const fields = [_]guest.Request{
    .{ .name = "id", .read_as = .int64 },         .{ .name = "truth", .read_as = .boolean },       .{ .name = "whole", .read_as = .int64 },
    .{ .name = "fraction", .read_as = .float64 }, .{ .name = "words", .read_as = .text },          .{ .name = "octets", .read_as = .bytes },
    .{ .name = "exact", .read_as = .decimal },    .{ .name = "d", .read_as = .date },              .{ .name = "clock", .read_as = .time },
    .{ .name = "moment", .read_as = .timestamp }, .{ .name = "instant", .read_as = .timestamptz }, .{ .name = "u", .read_as = .uuid },
    .{ .name = "j", .read_as = .json },
};
const tables = [_][:0]const u8{ "DELETE FROM every", "DELETE FROM copies", "DELETE FROM told" };

/// Writes the rows, or as many of the first.
fn write(arena: std.mem.Allocator, writer: guest.Writer, rows: usize) !u64 {
    const Column = guest.Column;
    const nulls = [_]u8{ 0, 0, 1, 0 };
    const moments = [_]i64{ 1772357400000001, -1, 0, 253402300799000000 };
    const whole = [_]i64{ std.math.maxInt(i64), std.math.minInt(i64), 0, 0 };
    const uuids = [_]u64{ 0x9b2f3c1e6d0a4f58, 0x8a771c2d3e4f5a6b, 0, 1, 0, 0, std.math.maxInt(u64), std.math.maxInt(u64) };
    const words = [_][]const u8{ "ünï 🦉", "", "", &@as([1000]u8, @splat('x')) };
    const octets = [_][]const u8{ "\x00\xff\n", "", "", &@as([100]u8, @splat('y')) };
    const exact = [_][]const u8{ "12.25", "-7.75", "0", "12345678.91" };
    const json = [_][]const u8{ "{\"a\":1}", "\"text\"", "null", "[1,null]" };
    var columns = [_]Column{
        .ofInt64s("id", ([_]i64{ 1, 2, 3, 4 })[0..rows]),
        .ofBooleans("truth", ([_]u8{ 1, 0, 0, 1 })[0..rows]),
        .ofInt64s("whole", whole[0..rows]),
        .ofFloat64s("fraction", ([_]f64{ 1.25, -0.1, 0, 1e300 })[0..rows]),
        try .ofTexts(arena, "words", .text, words[0..rows]),
        try .ofTexts(arena, "octets", .bytes, octets[0..rows]),
        try .ofTexts(arena, "exact", .decimal, exact[0..rows]),
        .ofDates("d", ([_]i32{ 20513, -354285, 0, 2932896 })[0..rows]),
        .ofTimes("clock", .time, ([_]i64{ 34200250000, 0, 0, 86399999999 })[0..rows]),
        .ofTimes("moment", .timestamp, moments[0..rows]),
        .ofTimes("instant", .timestamptz, moments[0..rows]),
        .ofUuids("u", uuids[0 .. 2 * rows]),
        try .ofTexts(arena, "j", .json, json[0..rows]),
    };
    for (columns[1..]) |*column| column.* = column.withNulls(nulls[0..rows]);
    return writer.write(.of(rows, &columns));
}

fn told(arena: std.mem.Allocator, column: *guest.Column, row: usize) ![]const u8 {
    if (column.isNull(row)) return "NULL";
    const print = std.fmt.allocPrint;
    return switch (column.columnType()) {
        .boolean => if ((try column.booleans())[row] != 0) "true" else "false",
        .int64 => print(arena, "{d}", .{(try column.int64s())[row]}),
        .float64 => print(arena, "{x:0>16}", .{@as(u64, @bitCast((try column.float64s())[row]))}),
        .date => print(arena, "{d}", .{(try column.dates())[row]}),
        .time, .timestamp, .timestamptz => print(arena, "{d}", .{(try column.times())[row]}),
        .uuid => {
            const pair = (try column.uuids())[2 * row ..][0..2];
            const parts = .{ pair[0] >> 32, pair[0] >> 16 & 0xffff, pair[0] & 0xffff, pair[1] >> 48, pair[1] & 0xffffffffffff };
            return print(arena, "{x:0>8}-{x:0>4}-{x:0>4}-{x:0>4}-{x:0>12}", parts);
        },
        .bytes => print(arena, "{x}", .{(try column.texts()).at(row)}),
        else => arena.dupe(u8, (try column.texts()).at(row)),
    };
}

fn kindOf(statement: [:0]const u8) []const u8 {
    _ = guest.execute(statement, &.{}) catch {
        defer guest.clear();
        return @tagName(guest.kind());
    };
    return "none";
}

pub fn upgrade() !void {
    var memory: std.heap.ArenaAllocator = .init(std.heap.c_allocator);
    defer memory.deinit();
    const arena = memory.allocator();
    const print = std.fmt.allocPrint;
    var lines: std.ArrayList([]const u8) = .empty;

    const writer = try guest.writer(.{ .table = "every", .mode = .insert });
    defer writer.deinit();
    try lines.append(arena, try print(arena, "an empty batch: {d}", .{try write(arena, writer, 0)}));
    const written = try write(arena, writer, 4);
    try lines.append(arena, try print(arena, "written: {d}, {d}", .{ written, try writer.finish() }));
    const report = try guest.transformInto("again", .{ .table = "every", .columns = &fields }, .{ .table = "copies", .mode = .insert });
    try lines.append(arena, try print(arena, "transformed: {d}, {d}, {d}", .{ report.rows_read, report.rows_written, report.chunks }));
    for ([_][]const u8{ "every", "copies" }) |table| {
        const reader = try guest.readTable(.{ .table = table, .columns = &fields });
        defer reader.deinit();
        while (try reader.next()) |found| {
            var batch = found;
            defer batch.deinit();
            const ids = try (try batch.column("id")).int64s();
            for (ids, 0..) |id, row| {
                for (fields) |field| {
                    const value = try told(arena, try batch.column(field.name), row);
                    try lines.append(arena, try print(arena, "{s} {d} {s}: {s}", .{ table, id, field.name, value }));
                }
            }
        }
    }
    const reader = try guest.read("SELECT NULL AS v FROM every ORDER BY id", &.{});
    defer reader.deinit();
    var alone = (try reader.next()).?;
    defer alone.deinit();
    const column = try alone.column("v");
    const numbers = try column.float64s();
    var nulls: usize = 0;
    for (0..numbers.len) |row| nulls += @intFromBool(column.isNull(row));
    try lines.append(arena, try print(arena, "nulls alone: {d}, {d}", .{ numbers.len, nulls }));
    var asked = try guest.query("SELECT count(*), (SELECT words FROM copies WHERE id = 1) FROM copies", &.{});
    defer asked.deinit();
    try lines.append(arena, try print(arena, "asked: {d}, {s}", .{ asked.row(0)[0].val.int64, asked.row(0)[1].asText().? }));
    for ([_][:0]const u8{ "SELECT FROM WHERE", "INSERT INTO every (id) VALUES (1)", "COMMIT" }) |statement| {
        try lines.append(arena, try print(arena, "{s}: {s}", .{ statement, kindOf(statement) }));
    }

    const ids = try arena.alloc(i64, lines.items.len);
    for (ids, 0..) |*id, row| id.* = @intCast(row);
    const columns = [_]guest.Column{ .ofInt64s("id", ids), try .ofTexts(arena, "line", .text, lines.items) };
    const teller = try guest.writer(.{ .table = "told", .mode = .insert });
    defer teller.deinit();
    _ = try teller.write(.of(ids.len, &columns));
    _ = try teller.finish();
}

pub fn downgrade() !void {
    for (tables) |statement| _ = try guest.execute(statement, &.{});
}

/// The same texts, in new columns.
pub fn transform(_: []const u8, batch: *guest.Batch) !void {
    for ([_][]const u8{ "words", "octets", "exact", "j" }) |name| {
        const column = try batch.column(name);
        try column.mapTexts({}, copied);
    }
}

fn copied(_: void, allocator: std.mem.Allocator, to: *std.ArrayList(u8), text: []const u8) !void {
    try to.appendSlice(allocator, text);
}

comptime {
    guest.exportMigration(@This());
}

pub const panic = guest.panic;
