# says: `upgrade` is `async`, and nothing awaits it: write `def upgrade():`
description = "fails"


async def upgrade():
    pass
