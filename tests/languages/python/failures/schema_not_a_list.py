# says: TypeError: 'id' is not a list, for `primary_key` of the table `orders`
# says: at upgrade, migrations/0001_failing.py:8:5:
from runner_guest import schema
description = "fails"


def upgrade():
    schema.create_table("orders", [schema.Column("id", "int64")], primary_key="id")
