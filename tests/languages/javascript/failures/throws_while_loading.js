// says: TypeError: cannot read property
// says: failing.js:5:11: `const x = undefined.y;`
import { db } from "runner-guest";
export const description = "fails";
const x = undefined.y;
export function upgrade() {
}
