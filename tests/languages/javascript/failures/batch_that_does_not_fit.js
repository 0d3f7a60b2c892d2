// says: `t` has no column `nmae`
// says: `db.transform(f, "t");`
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)");
  db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  return batch.rename("name", "nmae");
}
