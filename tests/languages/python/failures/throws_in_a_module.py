# says: at inner, migrations/0001_failing/inner.py:2:12: `return x.y.z`, called from upgrade, migrations/0001_failing.py:7:5
from inner import inner
description = "fails"


def upgrade():
    inner(object())
