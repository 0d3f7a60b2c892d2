// says: the function awaits a promise that nothing will ever resolve
import { db } from "runner-guest";
export const description = "fails";
export async function upgrade() {
  await new Promise(() => {});
}
