from . import right

NAME = "left"


def till():
    return "ding"
