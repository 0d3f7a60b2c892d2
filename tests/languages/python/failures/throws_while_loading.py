# says: ZeroDivisionError: division by zero
# says: at migrations/0001_failing.py:4:5: `x = 1 / 0`
description = "fails"
x = 1 / 0


def upgrade():
    pass
