// says: `db.dialect` is not known while the script is loaded for its description
import { db } from "runner-guest";
export const description = `for ${db.dialect}`;
export function upgrade() {
}
