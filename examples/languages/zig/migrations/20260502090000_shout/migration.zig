//! Names in capitals with two exclamation marks, and prices with tax: texts get longer, numbers change in place.
const std = @import("std");
const guest = @import("runner_guest");

const tax = 1.25;

pub const summary = "names in capitals, and prices with tax";

pub fn upgrade() !void {
    try run("shout");
}

pub fn downgrade() !void {
    try run("whisper");
}

fn run(function: [:0]const u8) !void {
    const report = try guest.transform(function, "products", &.{ "name", "price" });
    guest.info("{d} products", .{report.rows_written});
}

pub fn transform(name: []const u8, batch: *guest.Batch) !void {
    const up = std.mem.eql(u8, name, "shout");
    const price = try batch.column("price");
    for (try price.float64s()) |*value| {
        value.* = if (up) value.* * tax else value.* / tax;
    }
    const names = try batch.column("name");
    try names.mapTexts(up, changed);
}

// ASCII only: another letter stays as it is.
fn changed(up: bool, allocator: std.mem.Allocator, to: *std.ArrayList(u8), text: []const u8) !void {
    const kept = if (up) text else text[0 .. text.len -| 2];
    for (kept) |letter| {
        try to.append(allocator, if (up) std.ascii.toUpper(letter) else std.ascii.toLower(letter));
    }
    if (up) try to.appendSlice(allocator, "!!");
}

comptime {
    guest.exportMigration(@This());
}

pub const panic = guest.panic;
