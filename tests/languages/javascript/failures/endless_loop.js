// says: the limit `fuel` of 2000000000 is used up
// says: upgrade, migrations/0001_failing.js:8:
// with: --limit fuel=2000000000
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  let count = 0;
  while (count >= 0) count += 1;
}
