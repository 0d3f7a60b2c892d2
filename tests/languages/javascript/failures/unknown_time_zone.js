// says: Invalid time zone specified: Europe/Atlantis: it is not among the IANA time zones 2026
// says: at upgrade, migrations/0001_failing.js:6:
import { log } from "runner-guest";
export const description = "fails";
export function upgrade() {
  log.info(new Date().toLocaleString(undefined, { timeZone: "Europe/Atlantis" }));
}
