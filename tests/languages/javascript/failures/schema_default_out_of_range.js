// says: TypeError: the default of the column `n`: 2147483648 is not a whole number of 32 bits
// says: at upgrade, migrations/0001_failing.js:6:
import { schema } from "runner-guest";
export const description = "fails";
export function upgrade() {
  schema.addColumn("orders", { name: "n", type: "int32", default: 2 ** 31 });
}
