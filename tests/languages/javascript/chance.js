// Everything that differs from run to run in an ordinary program: the tests compare the transcripts of runs.
import { db, random, seed } from "runner-guest";

export const description = { summary: "what chance, the clock and order decide" };

export async function upgrade() {
  db.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, x TEXT)");
  const things = [seed(), Math.random(), Math.random(), Date.now(), new Date(), performance.now(), new Error("x").stack];
  things.push(Object.keys({ b: 1, a: 2, [Math.random()]: 3 }), [...new Set([Math.random(), "x", 1])]);
  things.push([5, 3, 9, 1, 7].sort(() => Math.random() - 0.5));
  const order = [];
  await Promise.all([3, 1, 2].map(async (it) => { await null; order.push(it); }));
  things.push(order);
  for (const thing of things) db.execute("INSERT INTO things (x) VALUES (?)", [String(thing)]);
  db.execute("CREATE TABLE chance (id INTEGER PRIMARY KEY, x TEXT)");
  db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO chance SELECT i, 'row ' || i FROM n");
  db.transform(stirred, "chance");
}

export function downgrade() {
  db.executeAll(["DROP TABLE chance", "DROP TABLE things"]);
}

export function stirred(batch) {
  return batch.mapRows((row) => { row.x += ` ${random(row.id)} ${Date.now()} ${new Date().getTimezoneOffset()}`; });
}
