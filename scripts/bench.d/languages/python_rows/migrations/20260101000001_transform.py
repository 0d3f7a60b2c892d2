"""The benchmark's transform in Python, row by row."""

from runner_guest import Batch, Description, Source, db

description = Description("write names in capitals and raise balances")


def upgrade():
    db.transform(transformed, Source("t", columns=["id", "name", "bal"]))


def transformed(batch: Batch) -> Batch:
    def raised(row):
        row["name"] = row["name"].upper()
        row["bal"] *= 1.1

    return batch.map_rows(raised)
