// says: SyntaxError: `enum` cannot be stripped
// says: failing.ts:4:8: `export const enum Colour { Red }`
export const description: string = "fails";
export const enum Colour { Red }
export function upgrade(): void {}
