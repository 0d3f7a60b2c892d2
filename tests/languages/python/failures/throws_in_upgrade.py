# says: AttributeError: 'NoneType' object has no attribute 'name'
# says: at upgrade, migrations/0001_failing.py:8:12: `return user.name`
description = "fails"


def upgrade():
    user = None
    return user.name
