# says: TypeError: the column `name`: a varchar has a size, so write `schema.varchar(200)`
# says: at upgrade, migrations/0001_failing.py:8:33: `schema.add_column("orders", schema.Column("name", "varchar"))`
from runner_guest import schema
description = "fails"


def upgrade():
    schema.add_column("orders", schema.Column("name", "varchar"))
