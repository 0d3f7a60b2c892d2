// says: TypeError: "money" is not a type, for the column `total`; types are "boolean", "int32", "int64",
// says: at upgrade, migrations/0001_failing.ts:7:
import { type ColumnDefinition, schema } from "runner-guest";
export const description = "fails";
const column = { name: "total", type: "money" } as unknown as ColumnDefinition;
export function upgrade(): void {
  schema.addColumn("orders", column);
}
