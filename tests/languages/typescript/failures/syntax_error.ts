// says: SyntaxError: Expression expected
// says: failing.ts:5:19: `let x: number = ;`
export const description: string = "fails";
export function upgrade(): void {
  let x: number = ;
}
