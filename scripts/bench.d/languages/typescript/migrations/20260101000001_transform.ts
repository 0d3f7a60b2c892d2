// The benchmark's transform in TypeScript, with the helpers of columns.
import { type Batch, type Description, db } from "runner-guest";

export const description: Description = { summary: "write names in capitals and raise balances" };

export function upgrade(): void {
  db.transform(raise, { table: "t", columns: ["id", "name", "bal"] });
}

export function raise(batch: Batch): Batch {
  return batch.set("name", batch.get("name").upper()).set("bal", batch.get("bal").multiply(1.1));
}
