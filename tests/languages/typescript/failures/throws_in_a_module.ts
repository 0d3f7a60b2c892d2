// says: TypeError: cannot read property 'z' of undefined
// says: inner, migrations/0001_failing/inner.ts:2:
// says: called from upgrade, migrations/0001_failing.ts:7:3
import { inner } from "./inner.js";
export const description: string = "fails";
export function upgrade(): void {
  inner({} as { y?: { z: number } });
}
