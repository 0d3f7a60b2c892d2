// The job under Node.js, on SQLite: prepared statements, in one transaction.
import { DatabaseSync } from "node:sqlite";
import { dueDate, phoneNumber } from "./rules.js";

const CHUNK = 10_000;
const db = new DatabaseSync(process.argv[2]);
const select = db.prepare("SELECT id, phone, joined FROM people WHERE id > ? ORDER BY id LIMIT ?");
const update = db.prepare("UPDATE people SET phone = ?, due = ? WHERE id = ?");
db.exec("BEGIN");
for (let last = 0; ;) {
  const rows = select.all(last, CHUNK);
  for (const row of rows) update.run(phoneNumber(row.phone), dueDate(row.joined), row.id);
  if (rows.length < CHUNK) break;
  last = rows[rows.length - 1].id;
}
db.exec("COMMIT");
db.close();
