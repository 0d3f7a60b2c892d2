// says: row id = 4711: TypeError: 
// says: id = 4711, name = "Anna", born = NULL
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)");
  db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  return batch.set("length", ["1", 2], "text");
}
