"""The transform by partitions of 1,000 rows and one executemany each.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

t = sa.table("t", sa.column("id", sa.Integer), sa.column("name", sa.Text), sa.column("bal", sa.Float))
change = (
    sa.update(t).where(t.c.id == sa.bindparam("b_id")).values(name=sa.bindparam("b_name"), bal=sa.bindparam("b_bal"))
)


def upgrade() -> None:
    connection = op.get_bind()
    # MySQL's drivers cannot run a statement while they stream, so the whole result is buffered, as their users do.
    stream = connection.dialect.name != "mysql"
    rows = connection.execute(sa.select(t.c.id, t.c.name, t.c.bal), execution_options={"stream_results": stream})
    for partition in rows.partitions(1000):
        connection.execute(
            change, [{"b_id": id, "b_name": name.upper(), "b_bal": bal * 1.1} for id, name, bal in partition]
        )


def downgrade() -> None:
    raise NotImplementedError
