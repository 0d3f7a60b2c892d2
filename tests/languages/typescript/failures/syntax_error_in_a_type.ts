// says: SyntaxError: 
// says: failing.ts:4:
export const description: string = "fails";
type Broken = { a: ;
export function upgrade(): void {}
