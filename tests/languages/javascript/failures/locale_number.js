// says: Number.prototype.toLocaleString knows no locale "de-DE"
// says: toFixed(2)
import { log } from "runner-guest";
export const description = "fails";
export function upgrade() {
  log.info([1234.5].toLocaleString("de-DE"));
}
