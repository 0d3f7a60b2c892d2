# says: `describe` is a generator, and nothing iterates it: it must not `yield`
def describe():
    yield "fails"


def upgrade():
    pass
