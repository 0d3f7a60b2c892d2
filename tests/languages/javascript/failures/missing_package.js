// says: there is no module `lodash`: besides `runner-guest`, there are the files in `migrations/0001_failing/`
import { db } from "runner-guest";
export const description = "fails";
import lodash from "lodash";
export function upgrade() {
}
