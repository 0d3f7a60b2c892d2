// Replace the example with your own code, then run `runner apply`: there is nothing to build or to install.
//
// `db` reaches the database, in one transaction where that is possible. `runner test` applies the migration to a scratch
// database, rolls it back and applies it again. Modules and data that only this migration uses belong in a directory of
// its name.

import { db, log } from "runner-guest";

export const description = { summary: "{{summary}}" };

export function upgrade() {
  db.execute("CREATE TABLE {{name}}_items (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(200) NOT NULL)");
  db.execute("INSERT INTO {{name}}_items (id, name) VALUES (1, ' first '), (2, 'SECOND')");
  const report = db.transform(tidy, "{{name}}_items");
  log.info(`${report.rowsWritten} rows are tidy`);
}

// Takes back what `upgrade` does, in the opposite order. Without it, the migration cannot be rolled back.
export function downgrade() {
  db.execute("DROP TABLE {{name}}_items");
}

// A batch function, for tables of any size: it gets some thousands of rows at a time, as columns.
/** @param {import("runner-guest").Batch} batch */
export function tidy(batch) {
  batch.set("name", batch.get("name").trim().lower());
  return batch;
}
