// says: `query` cannot be called inside `transform-batch`
// says: `db.query("SELECT 1");`
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)");
  db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  db.query("SELECT 1");
  return batch;
}
