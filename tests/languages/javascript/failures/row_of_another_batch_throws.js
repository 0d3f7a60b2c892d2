// says: row { id: 4711, name: "Anna", born: null }: not her
// says: failing.js:12:
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)");
  db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  const some = batch.filterRows((row) => row.id > 7);
  return some.mapRows((row) => { throw new Error("not her"); });
}
