// says: the limit `fuel` of 2000000000 is used up
// says: f, migrations/0001_failing.ts:13:
// with: --limit fuel=2000000000
import { db, type Batch } from "runner-guest";
export const description: string = "fails";
export function upgrade(): void {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)");
  db.execute("INSERT INTO t VALUES (7, 'a'), (4711, 'Anna')");
  db.transform(f, "t");
}
export function f(batch: Batch): Batch {
  let count = 0;
  while (count >= 0) count += 1;
}
