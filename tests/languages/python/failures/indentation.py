# says: IndentationError: unindent does not match
# says: migrations/0001_failing.py:7:
description = "fails"


def upgrade():
        x = 1
    y = 2
