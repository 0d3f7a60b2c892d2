// says: SyntaxError: `enum` cannot be stripped: it is more than a type
// says: failing.ts:6:1: `enum Colour { Red, Blue }`
// says: hint: only types are stripped
import { db } from "runner-guest";
export const description: string = "fails";
enum Colour { Red, Blue }
export function upgrade(): void {
  db.execute("SELECT ?", [Colour.Red]);
}
