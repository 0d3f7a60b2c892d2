// says: String.prototype.localeCompare knows only the order of ASCII, not of "ä"
// says: compare with `<`
import { log } from "runner-guest";
export const description = "fails";
export function upgrade() {
  log.info(["b", "ä"].sort((a, b) => a.localeCompare(b)).join());
}
