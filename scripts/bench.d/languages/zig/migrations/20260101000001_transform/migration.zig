//! The benchmark's transform in Zig: names in upper case, balances increased by ten percent.
const std = @import("std");
const guest = @import("runner_guest");

pub const summary = "write names in capitals and raise balances";

pub fn upgrade() !void {
    _ = try guest.transform("raise", "t", &.{ "id", "name", "bal" });
}

pub fn downgrade() !void {
    return error.NoWayBack;
}

pub fn transform(_: []const u8, batch: *guest.Batch) !void {
    const names = try batch.column("name");
    for ((try names.texts()).data) |*letter| {
        letter.* = std.ascii.toUpper(letter.*);
    }
    const balances = try batch.column("bal");
    for (try balances.float64s()) |*balance| {
        balance.* *= 1.1;
    }
}

comptime {
    guest.exportMigration(@This());
}

pub const panic = guest.panic;
