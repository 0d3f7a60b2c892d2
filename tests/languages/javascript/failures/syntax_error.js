// says: SyntaxError: unexpected token
// says: failing.js:6:11: `let x = ;`
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  let x = ;
}
