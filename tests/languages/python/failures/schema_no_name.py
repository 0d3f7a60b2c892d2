# says: TypeError: None is not the name of a column
# says: at upgrade, migrations/0001_failing.py:8:33:
from runner_guest import schema
description = "fails"


def upgrade():
    schema.add_column("orders", schema.Column(None, "int64"))
