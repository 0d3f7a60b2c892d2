// says: row id = 4711: the script threw "too long"
// says: id = 4711, name = "Anna"
// says: 0001_failing.ts:13:
import { db, type Batch } from "runner-guest";
export const description: string = "fails";
export function upgrade(): void {
  db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)");
  db.execute("INSERT INTO t VALUES (7, 'a'), (4711, 'Anna')");
  db.transform(f, "t");
}
export function f(batch: Batch): Batch {
  return batch.mapRows((row: any) => {
    if (row.id > 7) throw "too long";
  });
}
