// says: `schema` cannot be called inside `transform-batch`
// says: at changes, migrations/0001_failing.js:13:10: `schema.dropTable("t");`
import { db, schema } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)");
  db.execute("INSERT INTO t VALUES (1)");
  db.execute("CREATE TABLE u (id INTEGER PRIMARY KEY)");
  db.transform(changes, "t", { table: "u", mode: "insert" });
}
// A batch function depends on its rows alone.
export function changes(batch) {
  schema.dropTable("t");
  return batch;
}
