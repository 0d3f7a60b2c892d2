// The benchmark's transform in JavaScript, with the helpers of columns.
import { db } from "runner-guest";

export const description = { summary: "write names in capitals and raise balances" };

export function upgrade() {
  db.transform(raise, { table: "t", columns: ["id", "name", "bal"] });
}

export function raise(batch) {
  return batch.set("name", batch.get("name").upper()).set("bal", batch.get("bal").multiply(1.1));
}
