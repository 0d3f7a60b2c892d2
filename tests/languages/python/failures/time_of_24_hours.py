# says: '24:00:00' is no time in Python
from runner_guest import Column

description = "fails"


def upgrade():
    Column("time", ["24:00:00"])
