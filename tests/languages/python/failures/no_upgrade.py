# says: the script has no function `upgrade`
description = "fails"


def upgrad():
    pass
