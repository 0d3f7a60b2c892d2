// says: String.prototype.toLocaleLowerCase knows no locale "tr"
// says: use toLowerCase()
import { log } from "runner-guest";
export const description = "fails";
export function upgrade() {
  log.info("IZMIR".toLocaleLowerCase("tr"));
}
