// says: SyntaxError: 
// says: Description
import { db, Description } from "runner-guest";
export const description: Description = { summary: "fails" };
export function upgrade(): void {}
