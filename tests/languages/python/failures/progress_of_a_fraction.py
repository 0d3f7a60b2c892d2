# says: TypeError: 1.5 is not a whole number, for `done` of `progress`
# says: at upgrade, migrations/0001_failing.py:8:5: `progress(3 / 2, 2)`
from runner_guest import progress
description = "fails"


def upgrade():
    progress(3 / 2, 2)
