# says: Mute: (its message cannot be shown)
# says: at upgrade, migrations/0001_failing.py:12:5: `raise Mute()`
description = "fails"


class Mute(Exception):
    def __str__(self):
        raise ValueError("no text")


def upgrade():
    raise Mute()
