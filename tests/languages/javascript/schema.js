// Changes of the schema: every type with a default, every constraint and every call, as `tests/guests/changes` does them in Rust.
import { Batch, Column, db, Decimal, Json, PlainDate, PlainDateTime, RunnerError, schema } from "runner-guest";

export const description = "change the schema";

const DEFAULTS = [
  ["code", schema.varchar(20), "it's \\ \"here\""], ["flag", "boolean", true], ["small", "int32", -5], ["large", "int64", 2n ** 63n - 1n],
  ["ratio", "float64", 0.1], ["note", "text", "ünï\ncode"], ["raw", "bytes", new Uint8Array([0, 255, 39])],
  ["price", schema.decimal(10, 2), new Decimal("-12.50")], ["day", "date", new PlainDate(20000)], ["hour", "time", "01:00:00.000001"],
  ["at", "timestamp", PlainDateTime.from("2023-11-14T22:13:20.000001")], ["instant", "timestamptz", new Date(1700000000000)],
  ["made", "timestamptz", schema.currentTimestamp], ["key", "uuid", "00000000-0000-0001-0000-000000000002"],
  ["data", "json", Json.fromText('{"a": [1, null]}')],
];

function same(what, found, expected) {
  if (found !== expected) throw new RunnerError(`${what}: ${found} instead of ${expected}`);
}

// Some databases drop the zero at the end of a decimal, and the space in JSON.
function shown(name, value) {
  if (name === "raw") return [...value].join();
  if (name === "price") return String(Number(value.text));
  if (name === "data") return JSON.stringify(value.value);
  return String(value instanceof Date ? value.getTime() * 1000 : value.epochMicroseconds ?? value);
}

export function upgrade() {
  schema.createTable({
    table: "parents",
    columns: [
      { name: "id", type: "int64", identity: true },
      ...DEFAULTS.map(([name, type, value]) => ({ name, type, notNull: true, default: value })),
      { name: "order", type: "text" },
    ],
    primaryKey: ["id"],
    unique: [["code", "small"]],
  });
  schema.createTable({
    table: "child ren",
    columns: [{ name: "a", type: "int64", notNull: true }, { name: "b", type: "int64", notNull: true }, { name: "parent", type: "int64" }],
    primaryKey: ["a", "b"],
    foreignKeys: [{ columns: ["parent"], references: "parents", referenced: ["id"], onDelete: "set-null" }],
  });
  schema.renameTable("child ren", "children");
  schema.addColumn("children", { name: 'say "hi"', type: "text" });
  schema.renameColumn("children", 'say "hi"', "said");
  schema.addColumn("children", { name: "paid", type: "boolean", notNull: true, default: false });
  schema.dropColumn("children", "said");
  schema.createIndex({ name: "children_paid", table: "children", columns: ["paid", "b"] });
  schema.dropIndex("children", "children_paid");
  schema.createIndex({ name: "parents_code", table: "parents", columns: ["code"], unique: true });
  try {
    schema.dropTable("nothing");
  } catch (error) {
    same("the kind of the error", error.kind, "syntax");
    if (!error.message.includes("nothing")) throw error;
  }
  let writer = db.write({ table: "parents", mode: "insert" });
  writer.write(new Batch({ id: new Column("int64", [7]) }));
  writer.finish();
  const read = { int32: "int64", varchar: "text" };
  const columns = Object.fromEntries(DEFAULTS.map(([name, type]) => [name, read[type.name ?? type] ?? type.name ?? type]));
  const batch = db.readTable({ table: "parents", columns }).next();
  for (const [name, , value] of DEFAULTS) {
    const found = batch.get(name).at(0);
    if (name === "made") same(name, found.epochMicroseconds > 1700000000000000n, true);
    else same(name, shown(name, found), shown(name, value));
  }
  writer = db.write({ table: "parents", mode: "delete" });
  writer.write(batch.select(["id"]));
  writer.finish();
}

export function downgrade() {
  schema.dropIndex("parents", "parents_code");
  schema.dropTable("children");
  schema.dropTable("parents");
}
