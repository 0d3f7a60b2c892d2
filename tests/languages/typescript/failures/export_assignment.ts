// says: SyntaxError: `export = …` cannot be stripped
// says: failing.ts:3:1: `export = upgrade;`
export = upgrade;
export function upgrade(): void {}
