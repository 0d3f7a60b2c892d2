//! Everything that differs from run to run in an ordinary program: the tests compare the transcripts of runs.
const std = @import("std");
const guest = @import("runner_guest");

pub const summary = "what chance, the clock and order decide";

extern fn runner_migration_context_seed() u64;
extern fn runner_migration_context_run_timestamp() i64;
extern fn getentropy(buffer: [*]u8, size: usize) c_int;
extern fn time(into: ?*i64) i64;

fn keep(comptime format: []const u8, arguments: anytype) !void {
    var buffer: [1024]u8 = undefined;
    const text = try std.fmt.bufPrint(&buffer, format, arguments);
    _ = try guest.execute("INSERT INTO things (x) VALUES (?)", &.{guest.Value.text(text)});
}

pub fn upgrade() !void {
    const allocator = std.heap.c_allocator;
    _ = try guest.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, x TEXT)", &.{});
    var bytes: [8]u8 = undefined;
    if (getentropy(&bytes, bytes.len) != 0) return error.NoChance;
    const place = try allocator.create(u64);
    try keep("{any} {d} {x}", .{ bytes, time(null), @intFromPtr(place) });
    var words: std.StringHashMapUnmanaged(void) = .empty;
    for ([_][]const u8{ "a", "b", "c", "d", "e", "f", "g" }) |word| try words.put(allocator, word, {});
    var order: [7]u8 = undefined;
    var found = words.keyIterator();
    for (&order) |*letter| letter.* = found.next().?.*[0];
    try keep("{s}", .{order});
    var random = std.Random.DefaultPrng.init(runner_migration_context_seed());
    try keep("{d} {d}", .{ random.random().int(u64), runner_migration_context_run_timestamp() });
    _ = try guest.execute("CREATE TABLE chance (id INTEGER PRIMARY KEY, x TEXT)", &.{});
    _ = try guest.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) " ++
        "INSERT INTO chance SELECT i, 'row ' || i FROM n", &.{});
    _ = try guest.transform("stirred", "chance", &.{});
}

pub fn downgrade() !void {
    _ = try guest.execute("DROP TABLE chance", &.{});
    _ = try guest.execute("DROP TABLE things", &.{});
}

const Rows = struct { ids: []i64, row: usize = 0 };

pub fn transform(_: []const u8, batch: *guest.Batch) !void {
    const ids = try batch.column("id");
    const texts = try batch.column("x");
    var rows: Rows = .{ .ids = try ids.int64s() };
    try texts.mapTexts(&rows, stirred);
}

fn stirred(rows: *Rows, allocator: std.mem.Allocator, to: *std.ArrayList(u8), text: []const u8) !void {
    // A generator for each row, and not one for each instance.
    var random = std.Random.DefaultPrng.init(runner_migration_context_seed() ^ @as(u64, @bitCast(rows.ids[rows.row])));
    rows.row += 1;
    var buffer: [64]u8 = undefined;
    try to.appendSlice(allocator, text);
    try to.appendSlice(allocator, try std.fmt.bufPrint(&buffer, " {d}", .{random.random().int(u64)}));
}

comptime {
    guest.exportMigration(@This());
}

pub const panic = guest.panic;
