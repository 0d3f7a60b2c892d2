# Declares everything that a migration can need.
from runner_guest import Description, Needs, TableNeed

description = Description(
    "needs everything",
    needs=Needs(
        table_rebuild=True,
        read=[TableNeed("people", ["id", "email"])],
        insert=[TableNeed("invoices", ["total"], schema="billing")],
        update=["people"],
        delete=["tmp_*"],
        alter=["people"],
        create=["outbox_*"],
        drop=["tmp_*"],
        raw_sql=True,
        functions=["random"],
        limits={"guest_memory": 512 << 20, "fuel": 2_000_000_000_000},
    ),
)


def upgrade():
    pass


def downgrade():
    pass
