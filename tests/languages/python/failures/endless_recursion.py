# says: RecursionError: maximum recursion depth exceeded
# says: at deep, migrations/0001_failing.py:7:12: `return deep(n + 1) + 1`
description = "fails"


def deep(n):
    return deep(n + 1) + 1


def upgrade():
    deep(0)
