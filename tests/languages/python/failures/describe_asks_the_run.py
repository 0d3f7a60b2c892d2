# says: `db.dialect` is not known while the script is loaded for its description
from runner_guest import db
description = f"for {db.dialect}"


def upgrade():
    pass
