// says: no data for the locale "sw" are built in: there are ar, bg,
// says: at upgrade, migrations/0001_failing.js:6:
import { log } from "runner-guest";
export const description = "fails";
export function upgrade() {
  log.info([1234.5].toLocaleString("sw"));
}
