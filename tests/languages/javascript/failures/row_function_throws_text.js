// says: row id = 4711: the script threw "just text"
// says: failing.js:13:
// says: `if (row.id > 7) throw "just text";`
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)");
  db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  return batch.mapRows((row) => {
    if (row.id > 7) throw "just text";
  });
}
