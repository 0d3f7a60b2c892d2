// says: a primary key of `orders` names the column `number`, which it does not have
// says: at upgrade, migrations/0001_failing.js:6:10: `schema.createTable({ table: "orders", columns: [{ name: "id", type: "int64" }], primaryKey: ["number"] });`
import { schema } from "runner-guest";
export const description = "fails";
export function upgrade() {
  schema.createTable({ table: "orders", columns: [{ name: "id", type: "int64" }], primaryKey: ["number"] });
}
