// says: `schema` cannot be called inside `describe`
// says: at describe, migrations/0001_failing.js:5:10: `schema.dropTable("t");`
import { schema } from "runner-guest";
export function describe() {
  schema.dropTable("t");
  return "fails";
}
export function upgrade() {
}
