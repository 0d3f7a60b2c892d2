// says: a writer was not finished: insert t
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)");
  db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)");
  db.write({ table: "t", mode: "insert" });
}
