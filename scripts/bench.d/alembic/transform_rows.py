"""The transform as a plain loop, one UPDATE statement per row.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

t = sa.table("t", sa.column("id", sa.Integer), sa.column("name", sa.Text), sa.column("bal", sa.Float))


def upgrade() -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(t.c.id, t.c.name, t.c.bal)):
        connection.execute(sa.update(t).where(t.c.id == row.id).values(name=row.name.upper(), bal=row.bal * 1.1))


def downgrade() -> None:
    raise NotImplementedError
