# says: IndentationError: unindent does not match
# says: at migrations/0001_failing.py:8:10: `y = 2`
description = "fails"


def upgrade():
        x = 1
    y = 2
