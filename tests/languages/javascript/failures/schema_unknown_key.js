// says: TypeError: a column has no key `nullable`; its keys are `name`, `type`, `notNull`, `default`, `identity`
// says: at upgrade, migrations/0001_failing.js:6:
import { schema } from "runner-guest";
export const description = "fails";
export function upgrade() {
  schema.addColumn("orders", { name: "n", type: "int64", nullable: false });
}
