// says: row id = 4711: RangeError: too long: Anna
// says: id = 4711, name = "Anna", born = NULL
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)");
  db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  return batch.set("name", batch.get("name").upper().lower().map((name) => {
    if (name === "anna") throw new RangeError("too long: Anna");
    return name;
  }));
}
