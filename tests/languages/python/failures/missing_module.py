# says: ModuleNotFoundError: there is no module `missing`: besides the standard library and `runner_guest`
# says: at migrations/0001_failing.py:4:1: `import missing`
description = "fails"
import missing


def upgrade():
    pass
