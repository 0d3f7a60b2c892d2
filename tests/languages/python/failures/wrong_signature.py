# says: TypeError: `upgrade` takes no arguments: write `def upgrade():` (migrations/0001_failing.py:5)
description = "fails"


def upgrade(db, log):
    pass
