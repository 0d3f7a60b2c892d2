# says: near "TABEL": syntax error
# says: at create, migrations/0001_failing.py:9:5: `db.execute("CREATE TABEL t (id INTEGER)")`, called from upgrade, migrations/0001_failing.py:13:5
# says: SQLITE_ERROR
from runner_guest import db
description = "fails"


def create():
    db.execute("CREATE TABEL t (id INTEGER)")


def upgrade():
    create()
