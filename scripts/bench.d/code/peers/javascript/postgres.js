// The job under Node.js, on PostgreSQL: a statement for each chunk, whose parameters are arrays, in one transaction.
import pg from "pg";
import { dueDate, phoneNumber } from "./rules.js";

const CHUNK = 10_000;
const SELECT = "SELECT id, phone, joined FROM people WHERE id > $1 ORDER BY id LIMIT $2";
const UPDATE = `UPDATE people SET phone = new.phone, due = new.due
  FROM unnest($1::bigint[], $2::text[], $3::text[]) AS new (id, phone, due) WHERE people.id = new.id`;
const client = new pg.Client(process.argv[2]);
await client.connect();
await client.query("BEGIN");
for (let last = 0; ;) {
  const { rows } = await client.query({ name: "select", text: SELECT, values: [last, CHUNK] });
  const values = [rows.map((row) => row.id), rows.map((row) => phoneNumber(row.phone)), rows.map((row) => dueDate(row.joined))];
  await client.query({ name: "update", text: UPDATE, values });
  if (rows.length < CHUNK) break;
  last = rows[rows.length - 1].id;
}
await client.query("COMMIT");
await client.end();
