// says: TypeError: late
// says: failing.js:7:13: `throw new TypeError("late");`
import { db } from "runner-guest";
export const description = "fails";
export async function upgrade() {
  await null;
  throw new TypeError("late");
}
