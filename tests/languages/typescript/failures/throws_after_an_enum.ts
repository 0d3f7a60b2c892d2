// says: TypeError: cannot read property 'toFixed' of null
// says: of, migrations/0001_failing.ts:20:23: `return this.rates[row]!.toFixed(Digits.Two);`
// says: called from upgrade, migrations/0001_failing.ts:31:6
import { type Batch } from "runner-guest";

/** What a module with an enum is printed with loses its comments and empty lines. */
enum Digits {
  None,
  Two = 2,
}

namespace Rules { export const text = `two
lines`; }

class Prices {
  // A comment in the way.
  constructor(private readonly rates: Array<number | null>, readonly kind: Rules.Kind = Rules.text as Rules.Kind) {}
  of(row: number): string { /* and another */
    type Local = string;
    return this.rates[row]!.toFixed(Digits.Two);
  }
}
declare namespace Rules { type Kind = string }

export const description: string = "fails";

export const unchanged = (batch: Batch): Batch => batch;

export function upgrade(): void {
  new Prices([1.5, null])
    .of(1);
}
