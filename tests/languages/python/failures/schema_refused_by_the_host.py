# says: a primary key of `orders` names the column `number`, which it does not have
# says: at upgrade, migrations/0001_failing.py:8:5: `schema.create_table("orders", [schema.Column("id", "int64")], primary_key=["number"])`
from runner_guest import schema
description = "fails"


def upgrade():
    schema.create_table("orders", [schema.Column("id", "int64")], primary_key=["number"])
