// says: near "TABEL": syntax error
// says: at create, migrations/0001_failing.js:7:6: `db.execute("CREATE TABEL t (id INTEGER)");`, called from upgrade, migrations/0001_failing.js:10:3
// says: SQLITE_ERROR
import { db } from "runner-guest";
export const description = "fails";
function create() {
  db.execute("CREATE TABEL t (id INTEGER)");
}
export function upgrade() {
  create();
}
