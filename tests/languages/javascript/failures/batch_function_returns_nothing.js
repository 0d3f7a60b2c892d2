// says: `f` returned undefined: a batch function returns the batch
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)");
  db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  batch.get("name").upper();
}
