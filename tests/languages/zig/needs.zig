//! Declares everything that a migration can need.
const guest = @import("runner_guest");

pub const summary = "needs everything";

pub const needs = [_]guest.Need{
    .table_rebuild,
    .{ .read = .{ .name = "people", .columns = &.{ "id", "email" } } },
    .{ .insert = .{ .name = "invoices", .columns = &.{"total"}, .schema = "billing" } },
    .{ .update = .{ .name = "people" } },
    .{ .delete = .{ .name = "tmp_*" } },
    .{ .alter = .{ .name = "people" } },
    .{ .create = .{ .name = "outbox_*" } },
    .{ .drop = .{ .name = "tmp_*" } },
    .raw_sql,
    .{ .function = "random" },
    .{ .limit = .{ .name = .guest_memory, .at_least = 512 << 20 } },
    .{ .limit = .{ .name = .fuel, .at_least = 2_000_000_000_000 } },
};

pub fn upgrade() !void {}

pub fn downgrade() !void {}

pub fn transform(_: []const u8, _: *guest.Batch) !void {}

comptime {
    guest.exportMigration(@This());
}

pub const panic = guest.panic;
