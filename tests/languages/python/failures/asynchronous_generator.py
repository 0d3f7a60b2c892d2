# says: `upgrade` is a generator, and nothing iterates it: it must not `yield`
description = "fails"


async def upgrade():
    yield 1
