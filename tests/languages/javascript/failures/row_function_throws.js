// says: row id = 4711: TypeError: cannot read property 'trim' of null
// says: id = 4711, name = "Anna", born = NULL
// says: rows id = 7 to id = 4711
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)");
  db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  return batch.mapRows((row) => { row.name = `changed ${row.born.trim()}`; });
}
