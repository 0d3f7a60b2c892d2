# says: SystemExit: 3
import sys
description = "fails"


def upgrade():
    sys.exit(3)
