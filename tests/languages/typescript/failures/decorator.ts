// says: SyntaxError: 
// says: failing.ts:5:
export const description: string = "fails";
const sealed = (it: unknown): void => {};
@sealed class Prices {}
export function upgrade(): void {}
