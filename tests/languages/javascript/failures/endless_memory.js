// says: the limit `guest_memory` of 32MiB is used up
// with: --limit guest_memory=32MiB
import { db } from "runner-guest";
export const description = "fails";
export function upgrade() {
  const all = [];
  for (;;) all.push(new Uint8Array(1 << 20));
}
