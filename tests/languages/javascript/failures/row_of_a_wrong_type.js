// says: row id = 4711: TypeError: column `name`: the value is no text
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)");
  db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  return batch.mapRows((row) => (row.id > 7 ? { ...row, name: 7 } : row));
}
