// says: TypeError: undefined is not the name of a column
// says: at upgrade, migrations/0001_failing.js:6:
import { schema } from "runner-guest";
export const description = "fails";
export function upgrade() {
  schema.addColumn("orders", { type: "int64" });
}
