// says: nobody waits
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  (async () => {
    await null;
    throw new Error("nobody waits");
  })();
}
