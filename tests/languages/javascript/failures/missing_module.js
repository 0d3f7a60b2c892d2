// says: cannot import `migrations/0001_failing/missing.js`
import { db } from "runner-guest";
export const description = "fails";
import "./missing.js";
export function upgrade() {
}
