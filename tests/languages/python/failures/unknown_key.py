# says: the description has no key `summery`; its keys are `summary`, 
description = {"summery": "x"}


def upgrade():
    pass
