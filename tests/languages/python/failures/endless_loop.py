# says: the limit `fuel` of 1000000000 is used up
# says: upgrade, migrations/0001_failing.py:
# with: --limit fuel=1000000000
description = "fails"


def upgrade():
    while True:
        pass
