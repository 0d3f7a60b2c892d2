// says: `f` is a generator, and nothing iterates it: it must not `yield`
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)");
  db.execute("INSERT INTO t VALUES (1, 'a')");
  db.transform(f, "t");
}
export function* f(batch) {
  yield batch;
}
