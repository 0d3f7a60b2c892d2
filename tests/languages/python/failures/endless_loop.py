# says: the limit `fuel` of 1000000000 is used up
# with: --limit fuel=1000000000
description = "fails"


def upgrade():
    while True:
        pass
