// says: the limit `fuel` of 2000000000 is used up
// with: --limit fuel=2000000000
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  for (;;) {}
}
