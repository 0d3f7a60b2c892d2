# says: ValueError: the precision of a decimal is 66; it is 1 to 65
# says: at upgrade, migrations/0001_failing.py:8:56: `schema.add_column("orders", schema.Column("total", schema.decimal(66, 2)))`
from runner_guest import schema
description = "fails"


def upgrade():
    schema.add_column("orders", schema.Column("total", schema.decimal(66, 2)))
