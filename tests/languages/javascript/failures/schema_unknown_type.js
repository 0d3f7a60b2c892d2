// says: TypeError: "money" is not a type, for the column `total`; types are "boolean", "int32", "int64",
// says: at upgrade, migrations/0001_failing.js:6:10: `schema.createTable({ table: "orders", columns: [{ name: "total", type: "money" }] });`
import { schema } from "runner-guest";
export const description = "fails";
export function upgrade() {
  schema.createTable({ table: "orders", columns: [{ name: "total", type: "money" }] });
}
