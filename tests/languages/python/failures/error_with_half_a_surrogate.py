# says: ValueError: no such letter: ?
# says: at upgrade, migrations/0001_failing.py:7:5: `raise ValueError("no such letter: \ud83e")`
description = "fails"


def upgrade():
    raise ValueError("no such letter: \ud83e")
