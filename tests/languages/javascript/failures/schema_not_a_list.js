// says: TypeError: "id" is not an array of names, for `primaryKey` of the table `orders`
// says: at upgrade, migrations/0001_failing.js:6:
import { schema } from "runner-guest";
export const description = "fails";
export function upgrade() {
  schema.createTable({ table: "orders", columns: [{ name: "id", type: "int64" }], primaryKey: "id" });
}
