// Calls of everything that the host offers, and what it answers: the tests compare what each language is told.
//
// says error: no such country: Züri
// says raised: TypeError: cannot read property 'length' of undefined
// says raised: @FILE:@LINE:
// says batch: row id = 1: too many rows
// says batch: @FILE:@LINE:
import {
  Batch, Column, Decimal, Float64, Instant, Json, Native, PlainDate, PlainDateTime, PlainTime, RunnerError, Uuid, assets, db, log, parameters, progress,
  runTimestamp, seed,
} from "runner-guest";

export const description = { summary: "calls of everything" };

const names = ["id", "truth", "whole", "fraction", "words", "octets", "exact", "d", "clock", "moment", "instant", "u", "j"];

const rows = () => [
  [
    1, true, 2n ** 63n - 1n, 1.25, "ünï 🦉 \u{10fffd}", new Uint8Array([0, 255, 10]), new Decimal("12.25"), PlainDate.from("2026-03-01"),
    PlainTime.from("09:30:00.25"), PlainDateTime.from("2026-03-01T09:30:00.000001"), Instant.from("2026-03-01T09:30:00.000001Z"),
    new Uuid("9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b"), Json.fromText('{"a":1}'),
  ],
  [
    2, false, -(2n ** 63n), -0.1, "", new Uint8Array(0), new Decimal("-7.75"), PlainDate.from("1000-01-01"), new PlainTime(0n),
    new PlainDateTime(-1n), new Instant(-1n), new Uuid("00000000-0000-0000-0000-000000000001"), Json.fromText('"text"'),
  ],
  [3, ...Array(12).fill(null)],
  [
    4, true, 0, new Float64(1e300), "x".repeat(1000), new Uint8Array(100).fill(121), new Decimal("12345678.91"), PlainDate.from("9999-12-31"),
    PlainTime.from("23:59:59.999999"), PlainDateTime.from("9999-12-31T23:59:59"), Instant.from("9999-12-31T23:59:59Z"),
    new Uuid("ffffffff-ffff-ffff-ffff-ffffffffffff"), Json.fromText("[1,null]"),
  ],
];

/** The placeholder of a parameter. */
const place = (number) => (db.dialect === "postgres" ? `$${number}` : "?");

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function float64(value) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return `float64 ${hex(new Uint8Array(view.buffer))}`;
}

/** A value and its kind. A whole number in JavaScript has no kind: of these, the ones below 2 ** 53 are integers here. */
function told(value) {
  if (value === null) return "null";
  if (typeof value === "boolean") return `boolean ${value}`;
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return `int64 ${value}`;
  if (typeof value === "number") return float64(value);
  if (typeof value === "string") return `text ${value}`;
  if (value instanceof Uint8Array) return `bytes ${hex(value)}`;
  if (value instanceof Decimal) return `decimal ${value}`;
  if (value instanceof PlainDate) return `date ${value.days}`;
  if (value instanceof PlainTime) return `time ${value.microseconds}`;
  if (value instanceof PlainDateTime) return `timestamp ${value.epochMicroseconds}`;
  if (value instanceof Instant) return `timestamptz ${value.epochMicroseconds}`;
  if (value instanceof Uuid) return `uuid ${value}`;
  if (value instanceof Json) return `json ${value.text}`;
  if (value instanceof Native) return `native ${value.typeName} ${value.text}`;
  throw new TypeError(`a value of another kind: ${value}`);
}

function kindOf(f) {
  try {
    f();
  } catch (error) {
    return error.kind;
  }
  return "none";
}

function run(tell) {
  tell(`dialect: ${db.dialect}`);
  tell(`version: ${db.serverVersion}`);
  tell(`time: ${runTimestamp().epochMicroseconds}`);
  tell(`seed: ${seed()}`);
  for (const name of Object.keys(parameters).sort()) tell(`parameter ${name}: ${told(parameters[name])}`);
  const asset = assets.open("deeper/words.bin");
  tell(`asset: ${asset.size}, ${[...asset].map(hex).join("")}`);
  tell(`no asset: ${kindOf(() => assets.open("missing.txt"))}`);
  log.debug("debug ünï");
  log.info("info 🦉");
  log.warning("warning");
  progress(1, 2, "checks");
  progress(2, null, "checks");
}

function scalars(tell) {
  const places = names.map((_, index) => place(index + 1));
  const insert = `INSERT INTO scalars (${names.join(", ")}) VALUES (${places.join(", ")})`;
  tell(`inserted: ${rows().map((row) => db.execute(insert, row)).join(", ")}`);
  for (const row of db.query(`SELECT ${names.join(", ")} FROM scalars ORDER BY id`)) {
    for (const name of names) tell(`scalar ${row.id} ${name}: ${told(row[name])}`);
  }
  tell(`updated: ${db.execute(`UPDATE scalars SET whole = 7 WHERE id < ${place(1)}`, [3])}`);
  tell(`no rows: ${db.query("SELECT id FROM scalars WHERE id > 9").length}`);
  // A type that the contract has no case for.
  if (db.dialect === "postgres") {
    tell(`native: ${told(db.queryScalar("SELECT CAST($1 AS inet)", [new Native("inet", "10.0.0.1/8")]))}`);
    const address = db.read("SELECT CAST('fe80::1/64' AS inet) AS address").next().get("address").at(0);
    tell(`native column: ${address.typeName} ${address.text}`);
  }
}

function many(tell) {
  const writer = db.write({ table: "many", mode: "insert" });
  const written = [0, 20000].map((before) => {
    const ids = Array.from({ length: 20000 }, (_, index) => before + index + 1);
    return writer.write(new Batch({
      id: new Column("int64", ids), n: new Column("int64", ids.map((id) => 3 * id)), name: new Column("text", ids.map((id) => `n${id} ü🦉`)),
    }));
  });
  tell(`many written: ${written.join(", ")}, ${writer.finish()}`);
  let report = db.transform(changed, { table: "many", columns: ["n", "name"], filter: `id > ${place(1)}`, parameters: [100] });
  tell(`many transformed: ${report.rowsRead}, ${report.rowsWritten}, ${report.chunks}`);
  report = db.transform("halved", "many", { table: "more", mode: "insert" });
  tell(`more transformed: ${report.rowsRead}, ${report.rowsWritten}, ${report.chunks}`);

  let read = 0, first = null, sum = 0n, hash = 0;
  for (const batch of db.read(`SELECT id, n, name FROM many WHERE id > ${place(1)} ORDER BY id DESC`, [5])) {
    read += batch.rowCount;
    first ??= batch.get("id").at(0);
    for (const n of batch.get("n").values) sum += n;
    for (const byte of batch.get("name").values) hash = (Math.imul(hash, 31) + byte) >>> 0;
  }
  tell(`many read: ${read}, ${first}, ${sum}, ${hash}`);

  const source = { table: "more", columns: ["n"], key: ["id"], descending: true, filter: `id <= ${place(1)}`, parameters: [1000] };
  const ids = [...db.readTable(source).rows()].map((row) => row.id);
  tell(`more read: ${ids.length}, ${ids[0]}, ${ids.at(-1)}`);
  // One that is not read to its end.
  const reader = db.readTable("many");
  reader.next();
  reader.close();

  const write = (target, ...rows) => {
    const types = { id: "int64", n: "int64", name: "text" };
    const writer = db.write(target);
    writer.write(Batch.fromRows(rows, Object.fromEntries(Object.keys(rows[0]).map((name) => [name, types[name]]))));
    return writer.finish();
  };
  tell(`more updated: ${write({ table: "more", mode: "update", key: ["id"] }, { id: 2, n: -1 }, { id: 4, n: -2 })}`);
  tell(`more upserted: ${write({ table: "more", mode: "upsert" }, { id: 4, n: -3, name: "four" }, { id: 5, n: -4, name: "five" })}`);
  tell(`more deleted: ${write({ table: "more", mode: "delete" }, { id: 2 })}`);
  const [left] = db.queryArrays("SELECT count(*), min(n), max(n) FROM more");
  tell(`more left: ${left.map(told).join(", ")}`);
}

function errors(tell) {
  for (const statement of [
    "SELECT FROM WHERE", "SELECT nothing FROM nowhere", "INSERT INTO many (id, n, name) VALUES (1, 1, 'x')",
    "INSERT INTO many (id, n, name) VALUES (0, NULL, 'x')", "COMMIT",
  ]) {
    try {
      tell(`error ${statement}: none, ${db.execute(statement)}`);
    } catch (error) {
      tell(`error ${statement}: ${error.kind}|${error.code}|${error.message}|${error.detail ?? ""}`);
    }
  }
  tell(`conversion: ${kindOf(() => db.readTable({ table: "many", columns: { name: "int64" } }).next())}`);
  tell(`no column: ${kindOf(() => db.readTable({ table: "many", columns: ["missing"] }).next())}`);
  tell(`no table: ${kindOf(() => db.readTable("nowhere").next())}`);
}

/** Fails, as the operator asks for it. */
function fail(how) {
  if (how === "error") throw new RunnerError("no such country: Züri");
  if (how === "batch") {
    db.execute("INSERT INTO many (id, n, name) VALUES (1, 1, 'x')");
    db.transform(fails, "many");
  }
  return parameters.missing.length; // raises raised
}

export function upgrade() {
  if ("failing" in parameters) {
    fail(parameters.failing);
    return;
  }
  const lines = [];
  for (const part of [run, scalars, many, errors]) part((line) => lines.push(line));
  const writer = db.write({ table: "told", mode: "insert" });
  writer.write(new Batch({ id: new Column("int64", lines.map((_, id) => id)), line: new Column("text", lines) }));
  writer.finish();
}

export function downgrade() {
  db.executeAll(["scalars", "many", "more", "told"].map((table) => `DELETE FROM ${table}`));
}

export function changed(batch) {
  return batch.set("n", batch.get("n").add(1)).set("name", batch.get("name").append("!"));
}

export function halved(batch) {
  return batch.filterRows((row) => row.id % 2 === 0);
}

export function fails(batch) {
  return batch.mapRows((row, i) => {
    if (i === 0) throw new RunnerError("too many rows"); // raises batch
  });
}
