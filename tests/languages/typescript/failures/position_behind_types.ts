// says: TypeError: cannot read property 'toFixed' of null
// says: price, migrations/0001_failing.ts:6:99: `const price
export const description: string = "fails";
type Row = { price: number | null } & Record<string, unknown>;
interface Prices<T extends Row = Row> { readonly rows: ReadonlyArray<T>; }
const price = <T extends Row>(row: T, digits?: number, more: Prices<T> = { rows: [] }): string => row.price!.toFixed(digits as number);
export function upgrade(this: void): void {
  price({ price: null } satisfies Row);
}
