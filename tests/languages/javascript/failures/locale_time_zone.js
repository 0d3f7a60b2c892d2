// says: Date.prototype.toLocaleString knows no option `timeZone: "Europe/Berlin"`
// says: there is no `Intl` here, only the default of "en-US" in UTC
// says: at upgrade, migrations/0001_failing.js:7:
import { log } from "runner-guest";
export const description = "fails";
export function upgrade() {
  log.info(new Date().toLocaleString(undefined, { timeZone: "Europe/Berlin" }));
}
