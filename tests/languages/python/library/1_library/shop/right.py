from . import left


def name():
    return left.NAME
