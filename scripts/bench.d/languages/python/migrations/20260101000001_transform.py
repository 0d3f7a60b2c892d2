"""The benchmark's transform in Python, with the helpers of columns."""

from runner_guest import Batch, Description, Source, db

description = Description("write names in capitals and raise balances")


def upgrade():
    db.transform(transformed, Source("t", columns=["id", "name", "bal"]))


def transformed(batch: Batch) -> Batch:
    batch["name"] = batch["name"].upper()
    batch["bal"] = batch["bal"].multiply(1.1)
    return batch
