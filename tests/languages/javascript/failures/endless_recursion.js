// says: RangeError: Maximum call stack size exceeded
// says: at deep, migrations/0001_failing.js:6:19: `return deep(n + 1) + 1;`
import { db } from "runner-guest";
export const description = "fails";
function deep(n) {
  return deep(n + 1) + 1;
}
export function upgrade() {
  deep(0);
}
