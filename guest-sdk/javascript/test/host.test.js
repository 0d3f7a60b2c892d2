// Batch functions behave under Node.js as in the runtime.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assets, Batch, Column, db, Decimal, float64, Instant, log, Json, Native, parameters, PlainDate, random, runTimestamp, schema, Uuid,
} from "runner-guest";
import { fakeHost } from "runner-guest/testing";

const ALL = {
  id: "int64", truth: "boolean", real: "float64", text: "text", bytes: "bytes", exact: "decimal", day: "date", time: "time",
  moment: "timestamp", instant: "timestamptz", uuid: "uuid", json: "json", odd: "native:inet",
};
const ROW = {
  id: 9223372036854775807n, truth: true, real: -0.5, text: "ünï", bytes: new Uint8Array([0, 255]), exact: "12.50", day: "2026-03-01",
  time: "09:30:00.25", moment: "1969-12-31T23:59:59.5", instant: new Date(0), uuid: "9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b",
  json: { a: [1] }, odd: "::1",
};

test("every type, by columns and by rows", () => {
  const batch = Batch.fromRows([ROW, Object.fromEntries(Object.keys(ALL).map((name) => [name, null]))], ALL);
  assert.deepEqual(batch.types, ALL);
  const shown = (it) => JSON.stringify(it, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  const row = shown(batch.row(0));
  assert.equal(row, '{"id":"9223372036854775807n","truth":true,"real":-0.5,"text":"ünï","bytes":{"0":0,"1":255},"exact":"12.50",'
    + '"day":"2026-03-01","time":"09:30:00.25","moment":"1969-12-31T23:59:59.5","instant":"1970-01-01T00:00:00Z",'
    + '"uuid":"9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b","json":{"a":[1]},"odd":"::1"}');
  const mapped = batch.mapRows((it) => ({ ...it }));
  assert.equal(shown([...mapped.rows()]), shown([...batch.rows()]));
  assert.deepEqual(Object.values(mapped.row(1)), Object.keys(ALL).map(() => null));
});

test("columns", () => {
  const text = new Column("text", ["  Straße ", null, "a.b"]);
  assert.deepEqual(text.trim().upper().replaceAll(".", "-").toArray(), ["STRASSE", null, "A-B"]);
  assert.deepEqual([...text.values.subarray(text.offsets[2], text.offsets[3])], [97, 46, 98]);
  const batch = Batch.fromColumns({ n: new Column("float64", [1, null, 3]) });
  batch.get("n").values[0] = 7;
  assert.deepEqual(batch.set("n", batch.get("n").values.map((it) => it * 2)).get("n").toArray(), [14, null, 6]);
  assert.throws(() => new Column("int64", [2n ** 62n]).multiply(2), /64 bits/);
  for (const type of Object.values(ALL)) {
    const nulls = new Column(type, [null, null]);
    for (const same of [nulls.multiply(2), nulls.add(1), nulls.round(), nulls.upper(), nulls.prepend("* "), nulls.replaceAll("a", "b")]) {
      assert.deepEqual(same.toArray(), [null, null], type);
    }
  }
  assert.throws(() => new Column("text", [null, "1"]).multiply(2), /is of type text/);
  assert.throws(() => new Column("int64", [null, 1]).upper(), /is of type int64/);
  assert.throws(() => batch.mapRows((row) => ({ ...row, extra: 1 })), /`extra`/);
  assert.throws(() => batch.mapRows(() => ({ n: "x" })), /row 0, column `n`/);
  assert.throws(() => batch.set("n", [1]), /1 entries/);
});

test("a property that no column takes is refused in every row", () => {
  const batch = Batch.fromColumns({ id: new Column("int64", [1, 2, 3]) });
  assert.throws(() => batch.mapRows((row) => (row.id === 3 ? { ...row, note: "x" } : row)), /row 2: the row has a property `note`, which is no column of the result; its columns are `id`/);
  assert.throws(() => batch.mapRows((row) => [row, row.id === 2 ? { ...row, note: "x" } : row]), /row 1: the row has a property `note`/);
  assert.throws(() => Batch.fromRows([{ a: 1 }, { a: 2, b: 3 }], { a: "int64" }), /row 1: the row has a property `b`/);
});

test("NULLs of a column whose type is not known make room for any", () => {
  const nulls = () => new Column("text", [null, null, null]);
  const at = new Date(0), uuid = new Uuid("9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b");
  for (const [value, type] of [
    [0, "int64"], [0.5, "float64"], [7n, "int64"], [true, "boolean"], ["x", "text"], [new Uint8Array(1), "bytes"], [at, "timestamptz"],
    [new Decimal("1.5"), "decimal"], [new Native("inet", "::1"), "native:inet"], [{ a: 1 }, "json"], [uuid, "uuid"],
  ]) {
    const batch = Batch.fromColumns({ id: new Column("int64", [1, 2, 3]), v: nulls() });
    const filled = new Batch({ v: nulls().fillNulls(value) });
    const listed = new Batch({ v: nulls() }).set("v", [null, value, value]);
    const mapped = batch.mapRows((row) => { row.v = row.id > 1 ? value : null; });
    const more = batch.mapRows((row) => ({ ...row, v: value, more: "x" }), { ...batch.types, more: "text" });
    for (const made of [filled, listed, mapped, more]) assert.equal(made.types.v, type);
    assert.deepEqual(mapped.get("v").toArray(), listed.get("v").toArray());
    assert.deepEqual(more.get("v").toArray(), filled.get("v").toArray());
  }
  const batch = Batch.fromColumns({ id: new Column("int64", [1, 2, 3]), v: nulls() });
  assert.deepEqual(batch.mapRows((row) => { row.v = row.id / 2; }).get("v").toArray(), [0.5, 1, 1.5]);
  assert.deepEqual(batch.mapRows((row) => { row.v = 4 - row.id / 2; }).get("v").toArray(), [3.5, 3, 2.5]);
  assert.deepEqual(batch.mapRows((row) => { row.v = (row.id + 1) / 2; }).get("v").toArray(), [1, 1.5, 2]);
  assert.deepEqual(batch.set("v", new Float64Array([1, 2, 3])).get("v").toArray(), [1, 2, 3]);
  assert.equal(batch.types.v, "float64");
  for (const [value, type] of [[5, "int64"], [0.5, "float64"], [false, "boolean"]]) {
    const column = nulls();
    column.set(1, value);
    assert.deepEqual([column.type, column.toArray()], [type, [null, value, null]]);
  }
  const column = nulls();
  column.set(2, uuid);
  assert.deepEqual(column.toArray(), [null, null, uuid]);
  assert.throws(() => nulls().set(0, "x"), /use `map`/);
  assert.throws(() => nulls().set(0, 2 ** 53), /use a bigint for an int64 beyond, or float64\(x\)/);
  assert.deepEqual(nulls().fillNulls(float64(2 ** 53)).toArray(), [2 ** 53, 2 ** 53, 2 ** 53]);
  // A type that is known stays.
  assert.throws(() => new Column("text", ["x", null]).fillNulls(1), /no text/);
  assert.throws(() => new Column("int64", [null]).fillNulls("x"), /int64/);
  assert.throws(() => new Batch({ v: nulls() }).set("v", [1, 2, 3], "text"), /no text/);
  assert.equal(new Batch({ v: nulls() }).set("v", [null, null, null]).types.v, "text");
});

test("offsets of instants", () => {
  for (const text of ["2026-03-01T09:30:00+99:00", "2026-03-01T09:30:00+01:75", "2026-03-01 09:30:00-24"]) {
    assert.throws(() => Instant.from(text), /an offset up to 23:59/, text);
    assert.throws(() => new Column("timestamptz", [text]), /row 0/);
    assert.throws(() => new Column("text", [text]).cast("timestamptz"), /row 0/);
  }
  assert.equal(String(Instant.from("2026-03-01T09:30:00+14:00")), "2026-02-28T19:30:00Z");
  assert.equal(String(Instant.from("2026-03-01T09:30:00-0330")), "2026-03-01T13:00:00Z");
});

test("a byte order mark is no part of a text", () => {
  fakeHost({ assets: { "marked.json": "\ufeff[1]" } });
  assert.deepEqual([assets.json("marked.json"), assets.text("marked.json"), assets.bytes("marked.json").length], [[1], "[1]", 6]);
});

test("what can be iterated only once is not taken for nothing", () => {
  const batch = Batch.fromColumns({ a: new Column("int64", [1, 2]), b: new Column("text", ["x", "y"]), c: new Column("int64", [3, 4]) });
  const some = batch.select(["c", "a"].values());
  assert.deepEqual([some.rowCount, some.names, [...some.rows()]], [2, ["c", "a"], [{ c: 3, a: 1 }, { c: 4, a: 2 }]]);
  assert.deepEqual(batch.set("a", [7, 8].values()).get("a").toArray(), [7, 8]);
  for (const columns of [["a"].values(), new Set(["a"]), new Map([["a", null]]), "a"]) {
    assert.throws(() => db.readTable({ table: "t", columns }), /is not an array of names or an object of types, for columns/);
    assert.throws(() => db.transform("f", { table: "t", key: columns }), /is not an array of names, for key/);
  }
  for (const types of [new Map([["a", "int64"]]), [["a", "int64"]].values(), ["a"]]) {
    assert.throws(() => Batch.fromRows([{ a: 1 }], types), /is not an object of names and types/);
    assert.throws(() => batch.mapRows((row) => row, types), /is not an object of names and types/);
  }
  const column = batch.get("a");
  assert.deepEqual(Batch.fromColumns(new Map([["a", column]])).names, ["a"]);
  assert.throws(() => Batch.fromColumns([["a", column]].values()), /is not an object of columns by their names/);
  assert.throws(() => db.readTable(new Map([["table", "t"]])), /the name of a table/);
});

test("the host that a test sets", () => {
  const lines = [];
  fakeHost({
    parameters: { country: "CH" }, assets: { "a.txt": "ä" }, runTimestamp: "2026-03-01T00:00:00Z", seed: 7n,
    query: (sql, values) => [{ sql, count: values.length }], log: (level, message) => lines.push(`${level} ${message}`),
  });
  log.warning("careful", { a: 1 });
  assert.deepEqual(lines, ["warning careful { a: 1 }"]);
  assert.equal(parameters.country, "CH");
  assert.equal(assets.text("a.txt"), "ä");
  assert.ok(runTimestamp() instanceof Instant && String(runTimestamp()) === "2026-03-01T00:00:00Z");
  assert.deepEqual(db.queryOne("SELECT 1", [1, 2]), { sql: "SELECT 1", count: 2 });
  assert.equal(random(1), random(1n));
  assert.throws(() => db.execute("DROP TABLE t"), /a unit test has no database/);
});

test("parameters are what the runtime takes", () => {
  const found = [];
  fakeHost({ execute: (sql, values) => found.push(values), query: () => [] });
  const taken = [null, true, 1.5, Infinity, float64(2 ** 53), 2n ** 62n, "ü", new Uint8Array(1), new Date(0), { a: 1 }, [1], PlainDate.from("2026-03-01"), new Json(1)];
  db.execute("x", taken);
  db.execute("x");
  assert.deepEqual(found, [taken, []]);
  for (const wrong of [5, "abc", { a: 1 }, null, new Set([1])]) {
    assert.throws(() => db.execute("x", wrong), /parameters are an array of values/);
    assert.throws(() => db.query("x", wrong), /parameters are an array of values/);
  }
  for (const [value, message] of [
    [undefined, /parameter 2: .*undefined/], [2n ** 63n, /parameter 2: .*64 bits/], ["\ud800", /parameter 2: .*surrogate/],
    [() => 1, /parameter 2: .*not a value/], [new Map(), /parameter 2: .*not a value/],
    [2 ** 53, /parameter 2: 9007199254740992 is not .* use a bigint for an int64 beyond, or float64\(x\)/], [-1e300, /parameter 2: -1e\+300 is not/],
  ]) assert.throws(() => db.execute("x", [1, value]), message);
  assert.throws(() => db.execute(5), /a statement is a string/);
  assert.throws(() => db.executeAll("SELECT 1"), /is not a list of statements: `execute` runs one/);
});

test("what Node.js has of its own stays", () => {
  assert.equal(new Date(0).toLocaleDateString("de-DE", { timeZone: "UTC" }), "1.1.1970");
  assert.equal("a1".localeCompare("a10", "de", { numeric: true }), -1);
  assert.equal(new Date("1 Jul").getMonth(), 6);
  assert.throws(() => new Decimal("1.5").toLocaleString("de"), /use toString\(\)/);
});

test("a batch is a map of its columns", () => {
  const batch = Batch.fromColumns({ a: new Column("int64", [1]), b: new Column("text", ["x"]) });
  const seen = [];
  batch.forEach((column, name, same) => seen.push([name, column.at(0), same === batch]));
  assert.deepEqual([batch.size, seen], [2, [["a", 1, true], ["b", "x", true]]]);
  assert.deepEqual([[...batch.keys()], [...batch.values()].map((it) => it.type)], [["a", "b"], ["int64", "text"]]);
  assert.deepEqual(new Map(batch.entries()).get("b").toArray(), ["x"]);
  assert.deepEqual([...batch], [{ a: 1, b: "x" }]);
});

test("texts are cast as databases write numbers", () => {
  const cast = (text, type) => new Column("text", [text]).cast(type).at(0);
  assert.deepEqual([cast("1.0", "int64"), cast("+7", "int64"), cast("1e3", "float64"), cast("-Infinity", "float64")], [1, 7, 1000, -Infinity]);
  for (const text of ["1_000", " 1 ", "", "0x10", "٣"]) {
    for (const type of ["int64", "float64", "decimal"]) assert.throws(() => cast(text, type), /row 0: /, `${text} as ${type}`);
  }
  assert.throws(() => cast("True", "boolean"), /not a boolean/);
});

test("changes of the schema", () => {
  const found = [];
  fakeHost({ execute: (sql) => found.push(sql) });
  schema.createTable({
    table: "out\"box", schema: "app", primaryKey: ["id"], unique: [["topic", "at"]],
    columns: [
      { name: "id", type: "int64", identity: true }, { name: "topic", type: schema.varchar(200), notNull: true },
      { name: "at", type: "timestamptz", default: schema.currentTimestamp }, { name: "parent", type: "int64" },
    ],
    foreignKeys: [{ columns: ["parent"], references: { table: "out\"box", schema: "app" }, referenced: ["id"], onDelete: "cascade" }],
  });
  schema.createTable({
    table: "t", primaryKey: ["a", "b"], columns: [
      { name: "a", type: "int32", default: -5 }, { name: "b", type: "int64", default: 2n ** 63n - 1n },
      { name: "flag", type: "boolean", default: true }, { name: "ratio", type: "float64", default: 3 },
      { name: "raw", type: "bytes", default: new Uint8Array([0, 255]) }, { name: "price", type: schema.decimal(10, 2), default: "-12.50" },
      { name: "day", type: "date", default: new PlainDate(20000) }, { name: "data", type: "json", default: Json.fromText("[1.0]") },
      { name: "none", type: "text", default: null },
    ],
  });
  schema.dropTable("a b");
  schema.renameTable({ table: "out\"box", schema: "app" }, "b");
  schema.addColumn("t", { name: "c", type: "text", default: "it's" });
  schema.dropColumn("t", "select");
  schema.renameColumn("t", "a", "b");
  schema.createIndex({ name: "i", table: "out\"box", schema: "app", columns: ["a", "b\""], unique: true });
  schema.dropIndex({ table: "out\"box", schema: "app" }, "i");
  assert.deepEqual(found, [
    `CREATE TABLE "app"."out""box" ("id" INTEGER NOT NULL PRIMARY KEY, "topic" VARCHAR(200) NOT NULL, "at" TEXT NULL DEFAULT `
      + `(strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), "parent" INTEGER NULL, UNIQUE ("topic", "at"), FOREIGN KEY ("parent") REFERENCES `
      + `"out""box" ("id") ON DELETE CASCADE)`,
    `CREATE TABLE "t" ("a" INTEGER NOT NULL DEFAULT -5, "b" INTEGER NOT NULL DEFAULT 9223372036854775807, "flag" BOOLEAN NULL DEFAULT 1, `
      + `"ratio" REAL NULL DEFAULT 3, "raw" BLOB NULL DEFAULT X'00ff', "price" DECIMAL(10, 2) NULL DEFAULT -12.50, "day" TEXT NULL DEFAULT `
      + `'2024-10-04', "data" JSON NULL DEFAULT '[1.0]', "none" TEXT NULL, PRIMARY KEY ("a", "b"))`,
    `DROP TABLE "a b"`, `ALTER TABLE "app"."out""box" RENAME TO "b"`, `ALTER TABLE "t" ADD COLUMN "c" TEXT NULL DEFAULT 'it''s'`,
    `ALTER TABLE "t" DROP COLUMN "select"`, `ALTER TABLE "t" RENAME COLUMN "a" TO "b"`,
    `CREATE UNIQUE INDEX "app"."i" ON "out""box" ("a", "b""")`, `DROP INDEX "app"."i"`,
  ]);
});

test("changes of the schema that are wrong", () => {
  const found = [];
  fakeHost({ execute: (sql) => found.push(sql) });
  const column = (type, more) => () => schema.addColumn("t", { name: "a", type, ...more });
  const table = (more) => () => schema.createTable({ table: "t", columns: [{ name: "a", type: "int64" }], ...more });
  for (const [wrong, message] of [
    [column("int"), /"int" is not a type, for the column `a`; types are "boolean", "int32"/], [column("toString"), /is not a type/],
    [column(undefined), /undefined is not a type/], [column("varchar"), /schema\.varchar\(200\)/], [column("decimal"), /schema\.decimal/],
    [() => schema.varchar(0), /0 is not the length of a varchar, which is 1 to 16383/], [() => schema.varchar(), /undefined is not the length/],
    [() => schema.decimal(66, 0), /the precision of a decimal/], [() => schema.decimal(5, 6), /which is 0 to 5/], [() => schema.decimal(60, 31), /0 to 30/],
    [column("int64", { default: "1" }), /the default of the column `a`: "1" is not a whole number of 64 bits/],
    [column("int64", { default: 1.5 }), /not a whole number/], [column("int64", { default: 2n ** 63n }), /64 bits/],
    [column("int32", { default: 2 ** 31 }), /2147483648 is not a whole number of 32 bits/], [column("boolean", { default: 1 }), /1 is not of the type boolean/],
    [column("text", { default: 1 }), /1 is not of the type text/], [column("float64", { default: "1" }), /of the type float64/],
    [column("bytes", { default: "x" }), /of the type bytes/], [column(schema.decimal(5, 2), { default: 1.5 }), /not a decimal/],
    [column("date", { default: "x" }), /the default of the column `a`: .*date such as/], [column("uuid", { default: "x" }), /UUID/],
    [column("timestamp", { default: schema.currentTimestamp }), /only a timestamptz/],
    [column("text", { notNull: "yes" }), /"yes" is not true or false, for `notNull` of the column `a`/],
    [column("text", { nullable: true }), /a column has no key `nullable`/], [() => schema.addColumn("t", "a"), /"a" is not a column, such as/],
    [() => schema.addColumn("t", { type: "text" }), /undefined is not the name of a column/], [() => schema.dropTable(), /the name of a table/],
    [() => schema.dropTable({ name: "t" }), /has no key `name`/], [() => schema.dropTable({ table: "t", schema: 1 }), /1 is not the name of a schema/],
    [() => schema.renameTable("t"), /the name of a table/], [() => schema.dropIndex("t", 1), /1 is not the name of an index/],
    [() => schema.createIndex({ name: "i", table: "t", columns: "a" }), /"a" is not an array of names, for `columns` of the index `i`/],
    [() => schema.createIndex("i"), /"i" is not an index, such as/], [() => schema.createIndex({ name: "i", columns: ["a"] }), /the name of a table/],
    [table({ primaryKey: "a" }), /for `primaryKey` of the table `t`/], [table({ unique: ["a"] }), /each constraint in `unique` of the table `t`/],
    [table({ columns: { a: "int64" } }), /not an array, for `columns` of the table `t`/], [table({ name: "x" }), /a table has no key `name`/],
    [table({ foreignKeys: [{ columns: ["a"], references: "u", referenced: ["id"], onDelete: "restrict" }] }), /`refuse`, `cascade`, `set-null`/],
    [table({ foreignKeys: [{ columns: ["a"], referenced: ["id"] }] }), /`references` of a foreign key/], [table({ foreignKeys: ["a"] }), /not a foreign key/],
  ]) assert.throws(wrong, message);
  assert.deepEqual(found, []);
  fakeHost();
  assert.throws(() => schema.dropTable("t"), /a unit test has no database/);
});
