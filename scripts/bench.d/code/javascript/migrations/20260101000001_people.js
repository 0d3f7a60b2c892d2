// Phone numbers in one form, and the date of the first bill, row by row.
import { db } from "runner-guest";
import { dueDate, phoneNumber } from "./rules.js";

export const description = { summary: "write phone numbers in one form and fill in the first due date" };

export function upgrade() {
  db.transform(tidy, { table: "people", columns: ["id", "phone", "joined", "due"] });
}

export function tidy(batch) {
  return batch.mapRows((row) => {
    row.phone = phoneNumber(row.phone);
    row.due = dueDate(row.joined);
  });
}
