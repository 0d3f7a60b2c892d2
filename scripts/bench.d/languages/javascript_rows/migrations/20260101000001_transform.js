// The benchmark's transform in JavaScript, row by row.
import { db } from "runner-guest";

export const description = { summary: "write names in capitals and raise balances" };

export function upgrade() {
  db.transform(raise, { table: "t", columns: ["id", "name", "bal"] });
}

export function raise(batch) {
  return batch.mapRows((row) => {
    row.name = row.name.toUpperCase();
    row.bal *= 1.1;
  });
}
