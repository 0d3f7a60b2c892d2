# says: TypeError: 5 is not the name of a schema, for the source
# says: at upgrade, migrations/0001_failing.py:8:5: `db.read_table(Source("t", schema=5))`
from runner_guest import Source, db
description = "fails"


def upgrade():
    db.read_table(Source("t", schema=5))
