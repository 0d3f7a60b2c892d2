# says: TypeError: ('id', 'int64') is not a `schema.Column`, for `columns` of the table `orders`
# says: at upgrade, migrations/0001_failing.py:8:5:
from runner_guest import schema
description = "fails"


def upgrade():
    schema.create_table("orders", [("id", "int64")])
