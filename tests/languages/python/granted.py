# Changes of the schema that are told as parameters, for the tests of grants.
from runner_guest import Description, RunnerError, log, parameter, schema
from runner_guest.schema import Column, ForeignKey, varchar

description = Description("changes that are told")


def create(table, other=None):
    columns = [Column("id", "int64", identity=True), Column("label", varchar(50))]
    if other is None:
        schema.create_table(table, columns, primary_key=["id"])
    else:
        keys = [ForeignKey(["other"], other, ["id"])]
        schema.create_table(table, [*columns, Column("other", "int64")], primary_key=["id"], foreign_keys=keys)


CHANGES = {
    "create": create,
    "drop": schema.drop_table,
    "rename": schema.rename_table,
    "add": lambda table, column: schema.add_column(table, Column(column, "text")),
    "remove": schema.drop_column,
    "call": schema.rename_column,
    "index": lambda table, index, column: schema.create_index(index, table, [column]),
    "unindex": schema.drop_index,
}


def upgrade():
    for line in parameter("changes").split("\n"):
        name, *words = line.removeprefix("?").split("|")
        try:
            CHANGES[name](*words)
        except RunnerError as error:
            if not line.startswith("?"):
                raise
            log.info(f"refused: {line}: {error.kind}")
