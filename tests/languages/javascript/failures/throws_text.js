// says: the script threw "just text"
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  throw "just text";
}
