# says: TypeError: the column `total`: 'money' is not a type; types are boolean, int32, int64,
# says: at upgrade, migrations/0001_failing.py:9:9: `schema.Column("total", "money"),`
from runner_guest import schema
description = "fails"


def upgrade():
    schema.create_table("orders", [
        schema.Column("total", "money"),
    ])
