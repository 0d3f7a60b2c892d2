"""Phone numbers in one form, and the date of the first bill, row by row."""

from rules import due_date, phone_number
from runner_guest import Batch, Description, Source, db

description = Description("write phone numbers in one form and fill in the first due date")


def upgrade():
    db.transform(tidy, Source("people", columns=["id", "phone", "joined", "due"]))


def tidy(batch: Batch) -> Batch:
    def change(row):
        row["phone"] = phone_number(row["phone"])
        row["due"] = due_date(row["joined"])

    return batch.map_rows(change)
