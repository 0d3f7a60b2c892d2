from deeper.depth import DEPTH

RULES = {"depth": DEPTH}


def twice(x):
    return x * 2
