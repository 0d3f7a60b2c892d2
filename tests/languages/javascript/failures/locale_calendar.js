// says: the calendar "buddhist" is not built in, only gregory and iso8601: pass `calendar: "gregory"`
import { log } from "runner-guest";
export const description = "fails";
export function upgrade() {
  log.info(new Date().toLocaleDateString("th"));
}
