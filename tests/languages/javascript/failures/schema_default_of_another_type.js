// says: TypeError: the default of the column `paid`: 1 is not of the type boolean
// says: at upgrade, migrations/0001_failing.js:6:
import { schema } from "runner-guest";
export const description = "fails";
export function upgrade() {
  schema.addColumn("orders", { name: "paid", type: "boolean", notNull: true, default: 1 });
}
