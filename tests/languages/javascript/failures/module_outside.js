// says: `../0002_other/x.js` cannot be imported: it is not in `migrations/0001_failing/`
import { db } from "runner-guest";
export const description = "fails";
import "../0002_other/x.js";
export function upgrade() {
}
