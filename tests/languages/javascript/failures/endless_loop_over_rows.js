// says: the limit `fuel` of 2000000000 is used up
// says: spin, migrations/0001_failing.js:1
// with: --limit fuel=2000000000
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)");
  db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)");
  db.transform(f, "t");
}
function spin(row) {
  for (let i = 0; ; i++) {
    row.name += i % 7 ? "" : "x".slice(1);
  }
}
export function f(batch) {
  return batch.mapRows(spin);
}
