# says: ValueError: round
# says: at upgrade, migrations/0001_failing.py:9:9: `raise error from error`
description = "fails"


def upgrade():
    error = ValueError("round")
    if error.args:
        raise error from error
