// says: SyntaxError: `import … = …` cannot be stripped
// says: failing.ts:3:1:
import rules = require("./rules");
export const description: string = "fails";
export function upgrade(): void {}
