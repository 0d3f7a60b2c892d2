// says: SyntaxError: `namespace` cannot be stripped: it is more than a type
// says: failing.ts:5:1: `namespace Rules {`
// says: hint: only types are stripped
export const description: string = "fails";
namespace Rules {
  export const limit = 3;
}
export function upgrade(): void {}
