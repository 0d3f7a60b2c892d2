// says: "SELECT 1" is not a list of statements: `execute` runs one
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  db.executeAll("SELECT 1");
}
