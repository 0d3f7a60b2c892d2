// says: TypeError: cannot read property 'name' of null
// says: at upgrade, migrations/0001_failing.js:7:10: `return user.name;`
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  const user = null;
  return user.name;
}
