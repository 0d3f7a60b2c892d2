// says: TypeError: 66 is not the precision of a decimal, which is 1 to 65
// says: at upgrade, migrations/0001_failing.js:6:
import { schema } from "runner-guest";
export const description = "fails";
export function upgrade() {
  schema.addColumn("orders", { name: "total", type: schema.decimal(66, 2) });
}
