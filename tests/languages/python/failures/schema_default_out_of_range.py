# says: OverflowError: the default of the column `n`: 2147483648 does not fit into 32 bits
# says: at upgrade, migrations/0001_failing.py:8:
from runner_guest import schema
description = "fails"


def upgrade():
    schema.add_column("orders", schema.Column("n", "int32", default=2**31))
