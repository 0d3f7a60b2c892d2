// says: SyntaxError: a parameter property cannot be stripped: it is more than a type
// says: failing.ts:6:23: `constructor(private rate: number) {}`
// says: hint: only types are stripped
export const description: string = "fails";
class Prices {
  constructor(private rate: number) {}
}
export function upgrade(): void {}
