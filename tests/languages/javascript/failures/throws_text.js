// says: the script threw "just text"
// says: upgrade, migrations/0001_failing.js:7:
// says: `throw "just text";`
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  throw "just text";
}
