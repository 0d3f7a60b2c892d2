// says: parameter 2: 9007199254740992 is not a whole number up to 2^53 - 1
// says: use a bigint for an int64 beyond, or float64(x) for a float64
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.execute("SELECT ?, ?", [1, 2 ** 53]);
}
