# says: SyntaxError: invalid syntax
# says: at migrations/0001_failing.py:7:9: `x = = 1`
description = "fails"


def upgrade():
    x = = 1
