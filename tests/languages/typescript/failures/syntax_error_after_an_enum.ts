// says: SyntaxError: 
// says: failing.ts:10:
export const description: string = "fails";

enum Colour {
  Red,
  Blue,
}

export { nothing };

export function upgrade(): void {}
