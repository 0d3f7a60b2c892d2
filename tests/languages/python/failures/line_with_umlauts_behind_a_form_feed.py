# says: at upgrade, migrations/0001_failing.py:9:26: `name = "äöü"; return name.nothing`
# A form feed and other characters that end no line.
description = "fails"

SEPARATED = "ab c"


def upgrade():
    name = "äöü"; return name.nothing
