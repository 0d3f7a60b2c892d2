# says: `schema` cannot be called inside `describe`
# says: describe, migrations/0001_failing.py:7:5: `schema.drop_table("t")`
from runner_guest import schema


def describe():
    schema.drop_table("t")
    return "fails"


def upgrade():
    pass
