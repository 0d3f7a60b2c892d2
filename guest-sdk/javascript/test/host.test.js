// Batch functions behave under Node.js as in the runtime.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assets, Batch, Column, db, Instant, log, parameters, random, runTimestamp } from "runner-guest";
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
  assert.throws(() => batch.mapRows((row) => ({ ...row, extra: 1 })), /`extra`/);
  assert.throws(() => batch.mapRows(() => ({ n: "x" })), /row 0, column `n`/);
  assert.throws(() => batch.set("n", [1]), /1 entries/);
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
