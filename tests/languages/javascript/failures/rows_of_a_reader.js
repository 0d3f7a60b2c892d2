// says: row { id: 4711, name: "Anna", born: null }: not her
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)");
  db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)");
  db.readTable("t").next().mapRows((row) => {
    if (row.id > 7) throw new Error("not her");
  });
}
