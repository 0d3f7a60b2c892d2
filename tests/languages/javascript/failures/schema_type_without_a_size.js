// says: TypeError: the column `name`: a varchar has a size, so write `schema.varchar(200)`
// says: at upgrade, migrations/0001_failing.js:6:
import { schema } from "runner-guest";
export const description = "fails";
export function upgrade() {
  schema.addColumn("orders", { name: "name", type: "varchar" });
}
