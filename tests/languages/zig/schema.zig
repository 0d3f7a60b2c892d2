//! Changes of the schema: every type with a default, every constraint and every call, as `tests/guests/changes` does them in Rust.
const guest = @import("runner_guest");
const schema = guest.schema;

pub const summary = "change the schema";

fn column(name: []const u8, data_type: schema.Type, value: ?guest.Value) schema.Column {
    return .{ .name = name, .type = data_type, .not_null = true, .default = if (value) |given| .{ .value = given } else null };
}

/// A value that is told as text, such as a decimal number.
fn told(tag: u8, text: []const u8) guest.Value {
    var value = guest.Value.text(text);
    value.tag = tag;
    return value;
}

fn micros(tag: u8, number: i64) guest.Value {
    var value = guest.Value.int64(number);
    value.tag = tag;
    return value;
}

pub fn upgrade() !void {
    try schema.createTable(.{
        .table = .{ .name = "parents" },
        .columns = &.{
            .{ .name = "id", .type = .int64, .identity = true },
            column("code", .{ .varchar = 20 }, .text("it's \\ \"here\"")),
            column("flag", .boolean, .boolean(true)),
            column("small", .int32, .int64(-5)),
            column("large", .int64, .int64(9223372036854775807)),
            column("ratio", .float64, .float64(0.1)),
            column("note", .text, .text("ünï\ncode")),
            column("raw", .bytes, told(5, "\x00\xff'")),
            column("price", .{ .decimal = .{ 10, 2 } }, told(6, "-12.50")),
            column("day", .date, .{ .tag = 7, .val = .{ .date = 20000 } }),
            column("hour", .time, micros(8, 3600000001)),
            column("at", .timestamp, micros(9, 1700000000000001)),
            column("instant", .timestamptz, micros(10, 1700000000000000)),
            .{ .name = "made", .type = .timestamptz, .not_null = true, .default = .current_timestamp },
            column("key", .uuid, .{ .tag = 11, .val = .{ .uuid = .{ 1, 2 } } }),
            column("data", .json, told(12, "{\"a\": [1, null]}")),
            .{ .name = "order", .type = .text },
        },
        .primary_key = &.{"id"},
        .unique = &.{&.{ "code", "small" }},
    });
    try schema.createTable(.{
        .table = .{ .name = "child ren" },
        .columns = &.{ column("a", .int64, null), column("b", .int64, null), .{ .name = "parent", .type = .int64 } },
        .primary_key = &.{ "a", "b" },
        .foreign_keys = &.{.{ .columns = &.{"parent"}, .references = .{ .name = "parents" }, .referenced = &.{"id"}, .on_delete = .set_null }},
    });
    const children: schema.Table = .{ .name = "children" };
    try schema.renameTable(.{ .name = "child ren" }, "children");
    try schema.addColumn(children, .{ .name = "say \"hi\"", .type = .text });
    try schema.renameColumn(children, "say \"hi\"", "said");
    try schema.addColumn(children, column("paid", .boolean, .boolean(false)));
    try schema.dropColumn(children, "said");
    try schema.createIndex(.{ .name = "children_paid", .table = children, .columns = &.{ "paid", "b" } });
    try schema.dropIndex(children, "children_paid");
    try schema.createIndex(.{ .name = "parents_code", .table = .{ .name = "parents" }, .columns = &.{"code"}, .unique = true });
    if (schema.dropTable(.{ .name = "nothing" })) |_| return guest.fail("a table that does not exist is dropped", .{}) else |_| guest.clear();
    _ = try guest.execute("INSERT INTO parents (id) VALUES (7)", &.{});
    _ = try guest.execute("DELETE FROM parents", &.{});
}

pub fn downgrade() !void {
    try schema.dropIndex(.{ .name = "parents" }, "parents_code");
    try schema.dropTable(.{ .name = "children" });
    try schema.dropTable(.{ .name = "parents" });
}

pub fn transform(_: []const u8, _: *guest.Batch) !void {
    return guest.fail("there are no batch functions", .{});
}

comptime {
    guest.exportMigration(@This());
}

pub const panic = guest.panic;
