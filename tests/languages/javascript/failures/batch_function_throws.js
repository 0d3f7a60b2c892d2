// says: TypeError: cannot read property 'trim' of null
// says: failing.js:13:50
// says: `return batch.mapRows((row) => ({ ...row, name: row.name.trim() }));`
// says: rows id = 1 to id = 2
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)");
  db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  return batch.mapRows((row) => ({ ...row, name: row.name.trim() }));
}
