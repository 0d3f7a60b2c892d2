// says: no users: 
// says: no such table: missing
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  try {
    db.execute("SELECT * FROM missing");
  } catch (cause) {
    throw new Error("no users", { cause });
  }
}
