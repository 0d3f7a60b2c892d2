# says: TypeError: the default of the column `paid`: 1 is not of the type boolean
# says: at upgrade, migrations/0001_failing.py:9:14: `column = schema.Column("paid", "boolean", not_null=True, default=1)`
from runner_guest import schema
description = "fails"


def upgrade():
    # A number, where Python would take it for a truth.
    column = schema.Column("paid", "boolean", not_null=True, default=1)
    schema.add_column("orders", column)
