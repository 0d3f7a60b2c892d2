// Prints as in Node.js, and ends where the tests say so.
import { db } from "runner-guest";

export const description = "prints";

export function upgrade() {
  console.log("one");
  console.info("two");
  console.error("wrong \ufffd");
  db.execute("CREATE TABLE printed (id INTEGER PRIMARY KEY, x TEXT)");
  db.execute("INSERT INTO printed (id) VALUES (1)");
  db.transform(prints, "printed");
  // ends here
  console.log("three ä");
}

export function prints(batch) {
  console.log("a batch");
  return batch;
}
