// says: at inner, migrations/0001_failing/inner.js:2:10: `return x.y.z;`, called from upgrade, migrations/0001_failing.js:5:3
import { inner } from "./0001_failing/inner.js";
export const description = "fails";
export function upgrade() {
  inner({});
}
