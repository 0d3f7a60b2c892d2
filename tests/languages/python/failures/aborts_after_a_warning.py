# says: error: the script asked its runtime for what a migration has not, which ended it
# says: its last words: 3 prices look odd
# says: hint: there are no files
import os

from runner_guest import log
description = "fails"


def upgrade():
    log.warning("3 prices look odd")
    os.abort()
