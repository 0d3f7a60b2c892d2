# says: ValueError: the string has half of a surrogate pair, which has no form in UTF-8
# says: at upgrade, migrations/0001_failing.py:8:5: `db.execute("SELECT '\ud83e'")`
from runner_guest import db
description = "fails"


def upgrade():
    db.execute("SELECT '\ud83e'")
