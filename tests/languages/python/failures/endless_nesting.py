# says: the limit `stack` of 1MiB is used up
import json
description = "fails"


def upgrade():
    json.loads("[" * 100000)
