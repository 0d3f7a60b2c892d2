// Values of every type, written, read and told: the tests compare what each language makes of them, byte by byte.
import { Batch, Column, Decimal, Instant, Json, PlainDate, PlainDateTime, PlainTime, Uuid, db } from "runner-guest";

export const description = { summary: "values of every type", needs: { insert: ["every", "copies", "told"] } };

const types = {
  id: "int64", truth: "boolean", whole: "int64", fraction: "float64", words: "text", octets: "bytes", exact: "decimal", d: "date", clock: "time",
  moment: "timestamp", instant: "timestamptz", u: "uuid", j: "json",
};
const given = () => [
  {
    id: 1, truth: true, whole: 2n ** 63n - 1n, fraction: 1.25, words: "ünï 🦉", octets: new Uint8Array([0, 255, 10]),
    exact: new Decimal("12.25"), d: PlainDate.from("2026-03-01"), clock: PlainTime.from("09:30:00.25"),
    moment: PlainDateTime.from("2026-03-01T09:30:00.000001"), instant: Instant.from("2026-03-01T09:30:00.000001Z"),
    u: new Uuid("9B2F3C1E-6D0A-4F58-8A77-1C2D3E4F5A6B"), j: Json.fromText('{"a":1}'),
  },
  {
    id: 2, truth: false, whole: -(2n ** 63n), fraction: -0.1, words: "", octets: new Uint8Array(0), exact: new Decimal("-7.75"),
    d: PlainDate.from("1000-01-01"), clock: new PlainTime(0n), moment: new PlainDateTime(-1n), instant: new Instant(-1n),
    u: new Uuid("00000000-0000-0000-0000-000000000001"), j: Json.fromText('"text"'),
  },
  Object.fromEntries(Object.keys(types).map((name) => [name, name === "id" ? 3 : null])),
  {
    id: 4, truth: true, whole: 0, fraction: 1e300, words: "x".repeat(1000), octets: new Uint8Array(100).fill(121),
    exact: new Decimal("12345678.91"), d: PlainDate.from("9999-12-31"), clock: PlainTime.from("23:59:59.999999"),
    moment: PlainDateTime.from("9999-12-31T23:59:59"), instant: Instant.from("9999-12-31T23:59:59Z"),
    u: new Uuid("ffffffff-ffff-ffff-ffff-ffffffffffff"), j: Json.fromText("[1,null]"),
  },
];

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function told(type, value) {
  if (value === null) return "NULL";
  switch (type) {
    case "float64": {
      const view = new DataView(new ArrayBuffer(8));
      view.setFloat64(0, value);
      return hex(new Uint8Array(view.buffer));
    }
    case "bytes": return hex(value);
    case "date": return `${value.days}`;
    case "time": return `${value.microseconds}`;
    case "timestamp": case "timestamptz": return `${value.epochMicroseconds}`;
    case "json": return value.text;
    default: return `${value}`;
  }
}

function kindOf(statement) {
  try {
    db.execute(statement);
  } catch (error) {
    return error.kind;
  }
  return "none";
}

export function upgrade() {
  const lines = [];
  let writer = db.write({ table: "every", mode: "insert" });
  lines.push(`an empty batch: ${writer.write(Batch.fromRows([], types))}`);
  lines.push(`written: ${writer.write(Batch.fromRows(given(), types))}, ${writer.finish()}`);
  const report = db.transform(again, { table: "every", columns: types }, { table: "copies", mode: "insert" });
  lines.push(`transformed: ${report.rowsRead}, ${report.rowsWritten}, ${report.chunks}`);
  for (const table of ["every", "copies"]) {
    for (const row of db.readTable({ table, columns: types }).rows()) {
      for (const [name, type] of Object.entries(types)) lines.push(`${table} ${row.id} ${name}: ${told(type, row[name])}`);
    }
  }
  const numbers = db.read("SELECT NULL AS v FROM every ORDER BY id").next().get("v").multiply(2);
  lines.push(`nulls alone: ${numbers.length}, ${numbers.nullCount}`);
  lines.push(`asked: ${db.queryScalar("SELECT count(*) FROM copies")}, ${db.queryScalar("SELECT words FROM copies WHERE id = 1")}`);
  for (const statement of ["SELECT FROM WHERE", "INSERT INTO every (id) VALUES (1)", "COMMIT"]) lines.push(`${statement}: ${kindOf(statement)}`);
  writer = db.write({ table: "told", mode: "insert" });
  writer.write(new Batch({ id: new Column("int64", lines.map((_, id) => id)), line: new Column("text", lines) }));
  writer.finish();
}

export function downgrade() {
  db.executeAll(["every", "copies", "told"].map((table) => `DELETE FROM ${table}`));
}

export function again(batch) {
  return batch.mapRows((row) => ({ ...row }));
}
