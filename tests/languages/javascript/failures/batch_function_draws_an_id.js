// says: crypto.randomUUID() in a batch function depends on how rows are split
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)");
  db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)");
  db.transform(f, "t");
}
export function f(batch) {
  return batch.set("name", batch.get("name").map(() => crypto.randomUUID()));
}
