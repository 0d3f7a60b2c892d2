// says: SyntaxError: `import … = …` cannot be stripped
// says: failing.ts:5:1:
// says: hint: only types are stripped
enum Colour { Red }
import rules = require("./rules");
export const description: string = "fails";
export function upgrade(): void {}
