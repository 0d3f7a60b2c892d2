//! Prints to the standard streams, and ends where the tests say so.
const std = @import("std");
const guest = @import("runner_guest");

pub const summary = "prints";

extern fn printf(format: [*:0]const u8, ...) c_int;

pub fn upgrade() !void {
    _ = printf("one\ntw");
    _ = printf("o\n");
    std.debug.print("wrong \xff\n", .{});
    _ = try guest.execute("CREATE TABLE printed (id INTEGER PRIMARY KEY, x TEXT)", &.{});
    _ = try guest.execute("INSERT INTO printed (id) VALUES (1)", &.{});
    _ = try guest.transform("prints", "printed", &.{});
    // ends here
    _ = printf("three ä");
}

pub fn downgrade() !void {
    _ = try guest.execute("DROP TABLE printed", &.{});
}

var batched = true;

pub fn transform(_: []const u8, _: *guest.Batch) !void {
    _ = printf("a batch");
}

comptime {
    guest.exportMigration(@This());
}

pub const panic = guest.panic;
