// What every language must do, in JavaScript, on every engine. Each check that fails is an error of the migration.
import {
  assets, Batch, Column, db, Decimal, float64, Instant, Json, log, mapRows, Native, parameter, parameters, PlainDate,
  PlainDateTime, PlainTime, progress, random, RunnerError, rows, runTimestamp, seed, Uuid,
} from "runner-guest";
import { rules, twice } from "./20260101000001_conformance/rules.js";
import names from "./names.json" with { type: "json" };
import marked from "./marked.json" with { type: "json" };
import slugify from "slugify";

export function describe() {
  // Assets can be read here, and nothing else of the host.
  return { summary: `conformance in ${assets.json("names.json").de}`, mode: "auto", needs: { read: ["*"], insert: ["*"], rawSql: true } };
}

const failures = [];
const shown = (value) => JSON.stringify(value, (_, it) => (typeof it === "bigint" ? `${it}n` : Object.is(it, -0) ? "-0" : it instanceof Uint8Array ? `bytes ${[...it]}` : it));

function same(what, found, expected) {
  if (shown(found) !== shown(expected)) failures.push(`${what}: ${shown(found)} instead of ${shown(expected)}`);
}

function fails(what, f, part, kind) {
  try {
    f();
  } catch (error) {
    const text = `${error.name}: ${error.message} ${error.detail ?? ""}`;
    if (!text.includes(part)) failures.push(`${what}: it failed with ${text}, without ${part}`);
    if (kind && error.kind !== kind) failures.push(`${what}: the error has kind ${error.kind} instead of ${kind}`);
    return;
  }
  failures.push(`${what}: it did not fail`);
}

const MAX = 9223372036854775807n, MIN = -9223372036854775808n;

// A statement with the placeholders of the database.
function sql(text) {
  let number = 0;
  return db.dialect === "postgres" ? text.replaceAll("?", () => `$${++number}`) : text;
}

// A column of SQLite takes values of every type; elsewhere `values.js` and `calls.js` write and read them.
function loose() {
  same("rows changed by DDL", db.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, x)"), 0);
  const values = [
    null, true, false, 0, 1, -1, 9007199254740991, -9007199254740991, MAX, MIN, 9007199254740992n, 0.5, -0.1, float64(1e300), 5e-324,
    float64(3), "", "a", "Zürich 🦉 \u0000 \u{10ffff}", "x".repeat(70000), new Uint8Array(), new Uint8Array([0, 255, 10]),
  ];
  values.forEach((value, i) => same(`insert ${i}`, db.execute("INSERT INTO v VALUES (?, ?)", [i, value]), 1));
  const back = db.query("SELECT x FROM v ORDER BY id").map((row) => row.x);
  same("values", back, values.map((value) => (value === true ? 1 : value === false ? 0 : value?.value ?? value)));
  same("types", db.query("SELECT typeof(x) AS t FROM v ORDER BY id").map((row) => row.t)[15], "real");
}

function statements() {
  if (db.dialect === "sqlite") loose();
  else {
    same("rows changed by DDL", db.execute("CREATE TABLE v (id INTEGER NOT NULL PRIMARY KEY, x BIGINT)"), 0);
    [MAX, MIN, 0, null].forEach((value, i) => same(`insert ${i}`, db.execute(sql("INSERT INTO v VALUES (?, ?)"), [i, value]), 1));
    same("values", db.query("SELECT x FROM v ORDER BY id").map((row) => row.x), [MAX, MIN, 0, null]);
  }
  if (db.dialect === "sqlite") same("negative zero", Object.is(db.queryScalar("SELECT ?", [-0]), -0) || db.queryScalar("SELECT ?", [-0]) === 0, true);
  same("columns", db.query("SELECT 1 AS a, 2 AS \"__proto__\"").columns, ["a", "__proto__"]);
  same("__proto__", Object.keys(db.query("SELECT 2 AS \"__proto__\"")[0]), ["__proto__"]);
  same("no rows", db.query("SELECT id AS a FROM v WHERE id < 0").length, 0);
  same("arrays", db.queryArrays("SELECT 1 AS a, 2 AS a"), [[1, 2]]);
  same("one", db.queryOne("SELECT 1 AS a"), { a: 1 });
  same("optional", db.queryOptional("SELECT id AS a FROM v WHERE id < 0"), null);
  // MySQL and MariaDB take a date for what it is, and show it in their own way.
  if (!["sqlite", "postgres"].includes(db.dialect)) return;
  const temporal = [
    Instant.from("2026-03-01T09:30:00.000001+01:00"), new Date(1.5e12), PlainDate.from("0001-12-31"), PlainTime.from("24:00"),
    PlainDateTime.from("1969-12-31T23:59:59.5"), new Decimal("-12.50"), new Uuid("9B2F3C1E-6D0A-4F58-8A77-1C2D3E4F5A6B"),
    { a: [1, null] }, [1, "x"],
  ];
  same("others as text", temporal.map((value) => db.queryScalar(sql("SELECT CAST(? AS TEXT)"), [value])), [
    "2026-03-01T08:30:00.000001Z", "2017-07-14T02:40:00Z", "0001-12-31", "24:00:00", "1969-12-31 23:59:59.500000", "-12.50",
    "9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b", '{"a":[1,null]}', '[1,"x"]',
  ]);
}

function errors() {
  fails("syntax", () => db.execute("SELECT 1 FROM FROM"), "FROM", "syntax");
  fails("unknown table", () => db.query("SELECT * FROM nowhere"), "nowhere", "syntax");
  fails("constraint", () => db.execute("INSERT INTO v VALUES (1, 1)"), db.dialect === "sqlite" ? "UNIQUE" : "", "constraint");
  fails("denied", () => db.execute("COMMIT"), db.dialect === "sqlite" ? "COMMIT" : "transaction", "denied");
  fails("two statements", () => db.execute("SELECT 1; SELECT 2"), "");
  fails("undefined", () => db.execute("SELECT ?", [undefined]), "parameter 1: the value is undefined");
  fails("a symbol", () => db.execute("SELECT ?", [Symbol("x")]), "parameter 1");
  fails("a function", () => db.execute("SELECT ?", [() => 1]), "parameter 1");
  fails("a big bigint", () => db.execute("SELECT ?", [2n ** 63n]), "64 bits");
  fails("a whole number beyond 2^53 - 1", () => db.execute("SELECT ?", [2 ** 53]), "or float64(x) for a float64");
  fails("one that is large", () => db.execute("SELECT ?", [-1e300]), "parameter 1: -1e+300 is not a whole number");
  fails("one in a column of no type", () => new Column("text", [null]).set(0, 2 ** 53), "or float64(x) for a float64");
  fails("half of a pair", () => db.execute("SELECT ?", ["\ud800"]), "surrogate");
  fails("a statement that is none", () => db.execute(7), "a statement is a string");
  fails("parameters that are none", () => db.execute("SELECT ?", "a"), "an array of values");
  fails("twice the same name", () => db.query("SELECT 1 AS a, 2 AS a"), "queryArrays");
  fails("no row", () => db.queryOne("SELECT id FROM v WHERE id < 0"), "no rows");
  fails("two rows", () => db.queryScalar("SELECT 1 UNION SELECT 2"), "2 rows");
  fails("a date of no calendar", () => PlainDate.from("2026-02-30"), "calendar");
  fails("a time of no day", () => PlainTime.from("24:00:01"), "time of the day");
  fails("a decimal", () => new Decimal("1e3"), "decimal");
  fails("arithmetic", () => new Decimal("1") + 1, "arithmetic");
  fails("unknown key", () => db.readTable({ table: "v", colums: [] }), "no key `colums`");
  fails("unknown mode", () => db.write({ table: "v", mode: "put" }), "mode");
  fails("not exported", () => db.transform(() => 1, "v"), "not exported");
  fails("not there", () => db.transform("nothing", "v"), "not exported");
  fails("asset", () => assets.text("missing.txt"), "missing.txt");
  fails("not UTF-8", () => assets.text("not_utf8.txt"), "not UTF-8");
  fails("parameter", () => parameter("nothing"), "is not set", "invalid-argument");
  const error = new RunnerError("m", { kind: "busy", detail: "d" });
  same("an own error", [error.kind, error.code, error.detail, String(error)], ["busy", "", "d", "RunnerError: m"]);
}

const ALL = {
  id: "int64", truth: "boolean", whole: "int64", real: "float64", text: "text", bytes: "bytes", exact: "decimal", day: "date",
  time: "time", moment: "timestamp", instant: "timestamptz", uuid: "uuid", json: "json",
};

function everyType() {
  for (const table of ["every", "every2"]) {
    db.execute(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY, truth BOOLEAN, whole INTEGER, real REAL, text TEXT, bytes BLOB,
      exact DECIMAL, day DATE, time TIME, moment TIMESTAMP, instant TIMESTAMPTZ, uuid UUID, json JSON)`);
  }
  const given = [
    { id: 1, truth: true, whole: MAX, real: 1.25, text: "ünï", bytes: new Uint8Array([1, 0]), exact: "12.25", day: "2026-03-01",
      time: "09:30:00.25", moment: "2026-03-01T09:30:00", instant: new Date(0), uuid: "9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b", json: { a: 1 } },
    { id: 2, truth: false, whole: MIN, real: -0.5, text: "", bytes: new Uint8Array(), exact: 7, day: new PlainDate(-1),
      time: new PlainTime(0), moment: new PlainDateTime(-1n), instant: new Instant(-1n), uuid: new Uuid("00000000-0000-0000-0000-000000000001"), json: "text" },
    Object.fromEntries(Object.keys(ALL).map((name) => [name, name === "id" ? 3 : null])),
  ];
  const batch = Batch.fromRows(given, ALL);
  const writer = db.write({ table: "every", mode: "insert" });
  same("written", writer.write(batch), 3);
  same("finished", writer.finish(), 3);
  fails("finished twice", () => writer.finish(), "finished");
  const read = [...db.readTable({ table: "every", columns: ALL }).rows()];
  same("every type", JSON.parse(shown(read)), JSON.parse(shown([...batch.rows()])));
  same("types of the batch", db.readTable({ table: "every", columns: ALL }).next().types, ALL);
  same("nulls", [...db.readTable({ table: "every", columns: ALL })][0].names.map((name) => read[2][name]), [3, ...Array(12).fill(null)]);
  const row = read[0];
  same("classes", [row.exact, row.day, row.time, row.moment, row.instant, row.uuid, row.json].map((it) => it.constructor.name),
    ["Decimal", "PlainDate", "PlainTime", "PlainDateTime", "Instant", "Uuid", "Json"]);
  same("inside", [row.json.value.a, row.day.year, row.day.days, row.time.microseconds, row.instant.toDate().getTime(), row.exact.toNumber()],
    [1, 2026, 20513, 34200250000n, 0, 12.25]);
  // The same through a batch function, untouched and row by row, and by scalars.
  db.transform(untouched, { table: "every", columns: ALL }, { table: "every2", mode: "insert" });
  same("untouched", db.queryArrays("SELECT * FROM every2 ORDER BY id"), db.queryArrays("SELECT * FROM every ORDER BY id"));
  db.execute("DELETE FROM every2");
  db.transform(byRow, { table: "every", columns: ALL }, { table: "every2", mode: "insert" });
  same("by row", db.queryArrays("SELECT * FROM every2 ORDER BY id"), db.queryArrays("SELECT * FROM every ORDER BY id"));
  db.execute("DELETE FROM every2");
  const places = Object.keys(ALL).map(() => "?").join(", ");
  for (const it of read) db.execute(`INSERT INTO every2 VALUES (${places})`, Object.values(it));
  same("by scalars", db.queryArrays("SELECT * FROM every2 ORDER BY id"), db.queryArrays("SELECT * FROM every ORDER BY id"));
}

export function untouched(batch) { return batch; }
export function byRow(batch) { return batch.mapRows((row) => ({ ...row })); }

function columns() {
  const text = new Column("text", ["  Straße ", null, "ΑΣ Σ", "", "\u3000x\ufeff", "a🦉🦉b", "ß".repeat(300)]);
  const js = (f) => text.toArray().map((it) => (it === null ? null : f(it)));
  for (const [what, column, f] of [
    ["upper", text.upper(), (s) => s.toUpperCase()], ["lower", text.lower(), (s) => s.toLowerCase()],
    ["trim", text.trim(), (s) => s.trim()], ["trimStart", text.trimStart(), (s) => s.trimStart()],
    ["trimEnd", text.trimEnd(), (s) => s.trimEnd()], ["slice", text.slice(1, -1), (s) => s.slice(1, -1)],
    ["slice from the end", text.slice(-3), (s) => s.slice(-3)], ["replaceAll", text.replaceAll("a", "bb"), (s) => s.replaceAll("a", "bb")],
    ["replaceAll by pattern", text.replaceAll(/[a-z]/g, "[$&]"), (s) => s.replaceAll(/[a-z]/g, "[$&]")],
    ["padStart", text.padStart(12, "*-"), (s) => s.padStart(12, "*-")], ["prepend", text.prepend("> "), (s) => `> ${s}`],
    ["append", text.append("!"), (s) => `${s}!`], ["append nothing", text.append(""), (s) => s], ["map", text.map((s) => s + s), (s) => s + s],
  ]) same(what, column.toArray(), js(f));
  const ascii = new Column("text", ["aZ@[`{", "Hello, World", "x".repeat(20)]);
  same("ASCII", [ascii.upper().toArray(), ascii.lower().toArray()], [["AZ@[`{", "HELLO, WORLD", "X".repeat(20)], ["az@[`{", "hello, world", "x".repeat(20)]]);
  const reals = new Column("float64", [1.5, null, -2.5, 0.49999999999999994]);
  same("round", reals.round().toArray(), [2, null, -2, 0]);
  same("multiply", reals.multiply(2).add(1).toArray(), [4, null, -4, 2]);
  same("int64", new Column("int64", [1, MAX - 1n]).add(1).toArray(), [2, MAX]);
  fails("overflow", () => new Column("int64", [MAX]).add(1), "64 bits");
  fails("not whole", () => new Column("int64", [1]).multiply(1.5), "float64");
  same("cast", new Column("int64", [1, null]).cast("text").toArray(), ["1", null]);
  same("cast back", new Column("text", ["-9223372036854775808", null]).cast("int64").toArray(), [MIN, null]);
  same("cast to decimal", new Column("text", ["1.50"]).cast("decimal").at(0).text, "1.50");
  fails("cast of a word", () => new Column("text", ["x"]).cast("float64"), "is not a float64");
  same("nulls filled", text.fillNulls("none").at(1), "none");
  fails("an offset of hours", () => Instant.from("2026-03-01T09:30:00+99:00"), "23:59");
  fails("an offset of minutes", () => new Column("text", ["2026-03-01T09:30:00+01:75"]).cast("timestamptz"), "23:59");
  same("offsets", [Instant.from("2026-03-01T09:30:00+14:00"), Instant.from("2026-03-01T09:30:00-0330")], ["2026-02-28T19:30:00Z", "2026-03-01T13:00:00Z"]);
  const untyped = () => new Column("text", [null, null, null]);
  for (const [value, type] of [[0, "int64"], [0.5, "float64"], [7n, "int64"], [true, "boolean"], ["x", "text"], [new Uint8Array(1), "bytes"],
    [new Date(0), "timestamptz"], [new Decimal("1.5"), "decimal"], [new Native("inet", "::1"), "native:inet"], [{ a: 1 }, "json"],
    [new Uuid("9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b"), "uuid"]]) {
    const nulls = new Batch({ v: untyped() });
    const made = [new Batch({ v: untyped().fillNulls(value) }), nulls.mapRows(() => ({ v: value }))];
    same(`instead of NULLs, ${type}`, [...made, nulls.set("v", [null, value, null])].map((batch) => batch.types.v), [type, type, type]);
    same(`${type} between NULLs`, nulls.get("v").toArray(), [null, new Column(type, [value]).at(0), null]);
    same(`${type} everywhere`, made.map((batch) => batch.get("v").at(2)), Array(2).fill(new Column(type, [value]).at(0)));
  }
  const halves = Batch.fromColumns({ id: new Column("int64", [1, 2, 3]), v: untyped() });
  same("fractions", [(id) => id / 2, (id) => (id + 1) / 2, (id) => (id > 1 ? 2 ** 52 + id : null), (id) => 3 * id, (id) => id / 4].map(
    (f) => halves.mapRows((row) => { row.v = f(row.id); }).get("v").toArray()),
  [[0.5, 1, 1.5], [1, 1.5, 2], [null, 2 ** 52 + 2, 2 ** 52 + 3], [3, 6, 9], [0.25, 0.5, 0.75]]);
  fails("no fraction of it", () => halves.set("v", [2n ** 60n, 0.5, null]), "entry 1");
  fails("a known type", () => halves.set("v", [1, 2, 3], "text"), "no text");
  same("a typed array", halves.set("v", new Float64Array([1, 2, 3])).get("v").toArray(), [1, 2, 3]);
  const taken = untyped();
  taken.set(1, new Uuid("9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b"));
  same("one entry", [taken.type, taken.offsets, taken.values.length, taken.toArray()], ["uuid", undefined, 6, [null, "9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b", null]]);
  fails("no longer NULLs alone", () => taken.set(0, 1), "a UUID");
  const whole = new Column("int64", [1, 2, 3]);
  whole.values[0] = MIN;
  whole.set(1, MAX);
  whole.setNull(2);
  same("in place", [whole.toArray(), whole.nullCount, whole.isNull(2), whole.values.length], [[MIN, MAX, null], 1, true, 3]);
  whole.set(2, 5);
  same("no longer NULL", whole.at(2), 5);
  fails("no such row", () => whole.at(3), "no entry 3 in a column of 3");
  fails("text in place", () => text.set(0, "x"), "map");
  const buffer = whole.values.buffer;
  same("a buffer that outlives its column", new BigInt64Array(buffer.transfer())[0], MIN);
  fails("a foreign column", () => Column.prototype.at.call({}, 0), "");
  const damaged = new Column("text", ["ab", "cd"]);
  damaged.offsets[1] = 4000000000;
  fails("damaged offsets", () => damaged.toArray(), "offsets");
  fails("damaged offsets in bulk", () => damaged.trim(), "offsets");
}

function batches() {
  const batch = Batch.fromRows([{ id: 1, name: "a" }, { id: 2, name: null }], { id: "int64", name: "text" });
  same("shape", [batch.rowCount, batch.names, batch.types, batch.has("id"), batch.has("x")], [2, ["id", "name"], { id: "int64", name: "text" }, true, false]);
  fails("unknown column", () => batch.get("nmae"), "`id`, `name`");
  batch.set("price", new Float64Array([1, 2])).set("kind", ["x", null], "native:inet").rename("price", "cost");
  same("after set", batch.types, { id: "int64", name: "text", cost: "float64", kind: "native:inet" });
  same("row", batch.row(0), { id: 1, name: "a", cost: 1, kind: new Native("inet", "x") });
  fails("wrong length", () => batch.set("name", ["x"]), "1 entries");
  fails("new without type", () => batch.set("new", [1, 2]), "name its type");
  fails("wrong value", () => batch.set("name", ["x", 5]), "entry 1");
  batch.delete("kind");
  same("NULLs stay", batch.set("id2", new Column("int64", [null, 1])).set("id2", new BigInt64Array([5n, 6n])).get("id2").toArray(), [null, 6]);
  batch.delete("id2");
  same("mapRows", [...batch.mapRows((row) => ({ ...row, cost: row.cost * 2 })).rows()], [{ id: 1, name: "a", cost: 2 }, { id: 2, name: null, cost: 4 }]);
  same("kept", [...rows(mapRows(batch, (row) => { row.name = "z"; }))].map((row) => row.name), ["z", "z"]);
  same("dropped", batch.filterRows((row) => row.id > 1).rowCount, 1);
  same("all dropped", [batch.mapRows(() => null).rowCount, batch.mapRows(() => null).names], [0, ["id", "name", "cost"]]);
  same("several", batch.mapRows((row) => [{ n: row.id }, { n: -row.id }], { n: "int64" }).get("n").toArray(), [1, -1, 2, -2]);
  fails("a new property", () => batch.mapRows((row) => ({ ...row, extra: 1 })), "`extra`");
  fails("a new property later", () => batch.mapRows((row) => (row.id > 1 ? { ...row, extra: 1 } : row)), "the row has a property `extra`");
  fails("a new property of a new row", () => Batch.fromRows([{ a: 1 }, { a: 2, b: 3 }], { a: "int64" }), "the row has a property `b`");
  fails("instead of another", () => batch.mapRows((row) => (row.id > 1 ? { id: 1, name: "x", cots: 1 } : row)), "the row has a property `cots`");
  class Named { constructor(row) { this.cost = row.cost; this.id = row.id; } get name() { return "named"; } }
  same("of a class", batch.mapRows((row) => new Named(row)).get("name").toArray(), ["named", "named"]);
  same("hidden", batch.mapRows((row) => Object.defineProperty({ ...row, [Symbol()]: 1 }, "extra", { value: 1 })).rowCount, 2);
  same("through a proxy", batch.mapRows((row) => new Proxy(row, {})).rowCount, 2);
  fails("extra through a proxy", () => batch.mapRows((row) => new Proxy({ ...row, extra: row.id }, {})), "the row has a property `extra`");
  fails("a missing property", () => batch.mapRows(() => ({ id: 1 })), "column `name`: the value is undefined");
  fails("a wrong type", () => batch.mapRows((row) => ({ ...row, name: 1 })), "column `name`: ");
  fails("no such type", () => Batch.fromRows([], { a: "string" }), "`string` is not a type");
  same("names that are iterated only once", [...batch.select(["cost", "id"].values()).rows()], [{ cost: 1, id: 1 }, { cost: 2, id: 2 }]);
  fails("a set of columns", () => db.readTable({ table: "v", columns: new Set(["x"]) }), "an array of names or an object of types");
  same("empty", [new Batch().rowCount, Batch.fromRows([], { a: "text" }).get("a").toArray()], [0, []]);
  const writer = db.write({ table: "v", mode: "insert" });
  same("an empty batch", writer.write(Batch.fromRows([], { id: "int64", x: "text" })), 0);
  same("finished", writer.finish(), 0);
}

export function numbers(batch) {
  return batch.mapRows((row) => ({ id: row.id, name: `${slugify(row.name)} ${random(row.id) < 1}`, n: row.n + 1 }));
}
export function partly(batch) { return batch.filterRows((row) => row.id % 2 === 0); }
export async function awaits(batch) { return await Promise.resolve(batch.set("name", batch.get("name").upper())); }

function transforms() {
  for (const table of ["many", "even"]) {
    db.execute(`CREATE TABLE ${table} (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, n INTEGER NOT NULL)`);
  }
  const filling = db.write({ table: "many", mode: "insert" });
  for (const start of [1, 20001]) {
    const ids = Array.from({ length: 20000 }, (_, i) => start + i);
    const names = new Column("text", ids.map((id) => `Name, No. ${id}`));
    filling.write(Batch.fromColumns({ id: new Column("int64", ids), name: names, n: new Column("int64", ids) }));
  }
  same("filled", filling.finish(), 40000);
  const report = db.transform(numbers, { table: "many", columns: ["name", "n"] });
  same("report", [report.rowsRead, report.rowsWritten, report.chunks > 1], [40000, 40000, true]);
  same("transformed", db.queryScalar("SELECT count(*) FROM many WHERE name LIKE 'name-no-%' AND n = id + 1"), 40000);
  same("a name", db.queryScalar("SELECT name FROM many WHERE id = 1"), "name-no-1 true");
  db.transform("awaits", { table: "many", filter: sql("id <= ?"), parameters: [10] });
  same("filtered", db.query("SELECT name FROM many WHERE id <= 20").filter(({ name }) => name === name.toUpperCase()).length, 10);
  same("fewer rows", db.transform(partly, "many", { table: "even", mode: "insert" }).rowsWritten, 20000);
  const first = db.read("SELECT id, name FROM many ORDER BY id DESC");
  same("a batch of a cursor", first.next().get("id").at(0), 40000);
  first.close();
  same("closed", first.next(), null);
  let count = 0;
  for (const row of db.readTable({ table: "many", columns: ["n"], descending: true }).rows()) {
    if (count++ === 0) same("descending", row, { n: 40001, id: 40000 });
    if (count === 5) break;
  }
  for (let i = 0; i < 1500; i++) db.readTable("many");
  count = 0;
  for (const batch of db.read("SELECT n FROM many")) count += batch.rowCount;
  same("all rows", count, 40000);
  const writer = db.write({ table: "many", mode: "update", key: ["id"] });
  for (const batch of db.readTable({ table: "many", columns: ["n"] })) writer.write(batch.set("n", batch.get("n").add(1)));
  same("updated", writer.finish(), 40000);
  same("all of them", db.queryScalar("SELECT count(*) FROM many WHERE n = id + 2"), 40000);
}

function context() {
  same("dialect", [["sqlite", "postgres", "mysql", "mariadb"].includes(db.dialect), /^\d+\./.test(db.serverVersion)], [true, true]);
  same("parameters", [{ ...parameters }, parameter("country"), parameters.nothing, "limit" in parameters],
    [{ country: "CH", limit: 7, rate: 1.5, strict: true }, "CH", undefined, true]);
  fails("parameters are the operator's", () => { parameters.country = "DE"; }, "operator");
  same("time", [Date.now(), new Date().getTime(), performance.now() >= 0], [runTimestamp().epochMilliseconds, Date.now(), true]);
  same("time zone", [new Date(0).getTimezoneOffset(), new Date(0).getHours()], [0, 0]);
  same("seed", typeof seed(), "bigint");
  const numbers = [Math.random(), Math.random()];
  same("random", [numbers.every((it) => it >= 0 && it < 1), numbers[0] !== numbers[1], random("a") === random("a"), random("a") !== random(1)], [true, true, true, true]);
  same("modules", [rules, twice(21), slugify("A b"), names], [{ depth: 2, same: "default" }, 42, "a-b", { de: "Zürich", list: [1, 2.5, null] }]);
  same("assets", [assets.json("names.json"), assets.bytes("not_utf8.txt"), assets.text("empty.txt"), assets.open("names.json").size], [names, new Uint8Array([255, 254]), "", 42]);
  same("a byte order mark", [marked, assets.json("marked.json"), assets.text("marked.json"), assets.bytes("marked.json")[0]],
    [{ marked: true }, { marked: true }, "{\"marked\": true}\n", 0xef]);
  const chunks = [...assets.open("names.json")];
  same("chunks", new TextDecoder().decode(chunks[0]).includes("Zürich"), true);
  same("encoder", [new TextEncoder().encode("ü\ud800"), new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x41, 0xff]))], [new Uint8Array([0xc3, 0xbc, 0xef, 0xbf, 0xbd]), "A\ufffd"]);
  fails("decoder", () => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([255])), "not valid utf-8");
  progress(1, 2, "checks");
  progress(2);
  log.debug("debug", { a: [1n, "x"] });
  console.log("a line\nand another");
  same("nothing else", [typeof WebAssembly, typeof __runner], Array(2).fill("undefined"));
}

// What depends on locales and on heuristics: as Node.js has it, or not at all.
function locales() {
  const moment = new Date("2020-07-01T12:05:09Z");
  same("dates", [moment.toLocaleString(), moment.toLocaleDateString("en-US"), moment.toLocaleTimeString([], { timeZone: "UTC" }), new Date(NaN).toLocaleString()],
    ["7/1/2020, 12:05:09 PM", "7/1/2020", "12:05:09 PM", "Invalid Date"]);
  same("years", [new Date(8.64e15), new Date(-62198755200000)].map((date) => date.toLocaleDateString()), ["9/13/275760", "1/1/2"]);
  same("numbers", [0, -0, -1234567.8915, 1.0005, 0.0004, 1e21, 5e-324, NaN, -Infinity].map((n) => n.toLocaleString()),
    ["0", "-0", "-1,234,567.892", "1.001", "0", "1,000,000,000,000,000,000,000", "0", "NaN", "-∞"]);
  same("bigints", [MIN.toLocaleString(), 999n.toLocaleString("en")], ["-9,223,372,036,854,775,808", "999"]);
  same("arrays", [[1234.5, null, [new Date(0)]].toLocaleString(), new Float64Array([1e3, 0.5]).toLocaleString("en-US")], ["1,234.5,,1/1/1970, 12:00:00 AM", "1,000,0.5"]);
  const words = ["b", "A", "a", "B", "ab", "a b", "a-b", "a_b", "$", "1", "~", "", "ä"];
  same("order", words.sort((a, b) => a.localeCompare(b)), ["", "~", "$", "1", "a", "A", "ä", "a b", "a_b", "a-b", "ab", "b", "B"]);
  same("orders", [["ä", "a", "z"].sort(new Intl.Collator("sv").compare), "a10".localeCompare("a9", "en", { numeric: true }), "Ä".localeCompare("a", "de", { sensitivity: "base" })],
    [["a", "z", "ä"], 1, 0]);
  same("cases", ["aB".localeCompare("Ab"), "a".localeCompare("A"), "\x01a".localeCompare("a"), "ä".localeCompare("ä")], [-1, -1, 0, 0]);
  same("upper and lower", ["Straße".toLocaleUpperCase("de"), "ΑΣ".toLocaleLowerCase(), "I".toLocaleLowerCase(["en-GB", "tr"]), "IZMIR".toLocaleLowerCase("tr"), "ά".toLocaleUpperCase("el")],
    ["STRASSE", "ας", "i", "ızmır", "Α"]);
  same("a locale", moment.toLocaleDateString("de-CH"), "1.7.2020");
  same("an option", 1n.toLocaleString("en-US", { minimumFractionDigits: 2 }), "1.00");
  same("of elements", [new BigInt64Array(2).toLocaleString("fr"), [1234.5].toLocaleString("de-DE")], ["0,0", "1.234,5"]);
  fails("no locale at all", () => "a".toLocaleUpperCase("en_US"), "\"en_US\" is not a locale");
  fails("a value of the module", () => new Decimal("1.5").toLocaleString("de"), "use toString()");
  same("a value's own form", new Decimal("1.5").toLocaleString(), "1.5");
  fails("the last match", () => /(a)/.test("a") && RegExp.$1, "use what exec() or match() returns");
  const dates = ["2020-07-01T12:00:00", "2020-07-01 12:00:00-05", "Jul 1, 2020 3:05 PM EST", "7/1/2020, 12:05:09 PM", String(moment), moment.toUTCString()];
  same("dates in texts", dates.map((text) => new Date(text).getTime()), [1593604800000, 1593622800000, 1593633900000, 1593605109000, 1593605109000, 1593605109000]);
  const none = ["2020-07-00", "0000-00-00", "2020-183", "Jan 32 2020", "Mär 1 2020", "2020-07-01T12:00:00 Europe/Berlin", ""];
  same("no dates", none.filter((text) => !Number.isNaN(Date.parse(text)) || !Number.isNaN(new Date(text).getTime())), []);
  same("of a subclass", new (class Day extends Date {})("2020-07-01").getTime(), 1593561600000);
}

export async function upgrade(given) {
  same("the context", [given.db === db, Object.isFrozen(given)], [true, true]);
  statements();
  errors();
  if (db.dialect === "sqlite") everyType();
  columns();
  batches();
  transforms();
  context();
  locales();
  await null;
  if (failures.length) throw new RunnerError(`${failures.length} checks failed`, { detail: failures.join(" | ") });
  db.execute("CREATE TABLE conformance (language TEXT, done INTEGER)");
  db.execute("INSERT INTO conformance VALUES ('javascript', 1)");
}

export function downgrade() {
  const types = db.dialect === "sqlite" ? ["every", "every2"] : [];
  for (const name of ["v", "many", "even", "conformance", ...types]) db.execute(`DROP TABLE ${name}`);
}
