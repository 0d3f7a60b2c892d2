# says: ValueError: no users: no such table: missing
from runner_guest import RunnerError, db
description = "fails"


def upgrade():
    try:
        db.execute("SELECT * FROM missing")
    except RunnerError as error:
        raise ValueError("no users") from error
