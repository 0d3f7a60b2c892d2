"""The host, as `runner_guest` sees it, over the contract's imports."""

import runner_script
import runner_world
from componentize_py_types import Err
from runner_guest import Batch, RunnerError
from runner_guest._errors import KINDS
from runner_guest._values import name_of
from runner_guest.schema import CURRENT_TIMESTAMP, Column, NewIndex, NewTable, TableName
from wit_world.imports import batches, context, packed, schema, sql, types

LEVELS = {"debug": context.Level.DEBUG, "info": context.Level.INFO, "warning": context.Level.WARNING}
KIND = dict(zip(KINDS, types.ErrorKind))
KIND_NAME = {kind: name for name, kind in KIND.items()}
TYPE = {type.name.lower(): type for type in types.ColumnType}
TYPE_NAME = {type: name for name, type in TYPE.items()}
TAGS = ("boolean", "int64", "float64", "text", "bytes", "decimal", "date", "time", "timestamp", "timestamptz", "json")
VALUE = {tag: getattr(types, f"Value_{tag.capitalize()}") for tag in TAGS}
TAG = {of: tag for tag, of in VALUE.items()}


def readable(text):
    """A text for the operator: half a surrogate pair has no form in UTF-8."""
    return text.encode(errors="replace").decode()


def error_record(kind, code, message, detail):
    return types.Error(KIND[kind], readable(code), readable(message), None if detail is None else readable(detail))


def asked(function, *arguments):
    """Calls the host. Its errors are those of `runner_guest`."""
    try:
        return function(*arguments)
    except Err as failed:
        error = failed.value
    raise RunnerError(error.message, kind=KIND_NAME[error.kind], code=error.code, detail=error.detail)


def value_out(tagged):
    tag, inside = tagged
    if tag == "null":
        return types.Value_Null()
    if tag == "uuid":
        return types.Value_Uuid((inside >> 64, inside & 2**64 - 1))
    if tag == "native":
        return types.Value_Native(types.NativeValue(*inside))
    return VALUE[tag](inside)


def value_in(value):
    tag = TAG.get(type(value))
    if tag is not None:
        return tag, value.value
    if isinstance(value, types.Value_Null):
        return "null", None
    if isinstance(value, types.Value_Uuid):
        return "uuid", value.value[0] << 64 | value.value[1]
    return "native", (value.value.type_name, value.value.text)


def packed_in(batch):
    columns = [
        (column.name, TYPE_NAME[column.values_type], column.type_name, column.nulls, column.offsets, column.data)
        for column in batch.columns
    ]
    return Batch._raw((batch.row_count, columns), of_chunk=True)


def packed_out(batch):
    return packed_of(batch._dump())


def packed_of(raw):
    rows, columns = raw
    return packed.PackedBatch(rows, [packed.PackedColumn(name, TYPE[type], *rest) for name, type, *rest in columns])


def raw_of(batch):
    return batch.row_count, [
        (column.name, TYPE_NAME[column.values_type], column.type_name, column.nulls, column.offsets, column.data)
        for column in batch.columns
    ]


def path_out(path):
    # Also one of `pathlib`.
    return name_of(str(path), "a file")


def table(named):
    return batches.TableName(named.schema, named.table)


def source_out(source, values):
    requests = [batches.ColumnRequest(name, None if of is None else TYPE[of]) for name, of in source._requests()]
    return batches.TableSource(
        table(source), requests, list(source.key), source.filter, list(map(value_out, values)), bool(source.descending)
    )


def target_out(target):
    return batches.TableTarget(table(target), batches.WriteMode[target.mode.upper()], list(target.key))


def data_type_out(type):
    if type.name == "varchar":
        return schema.DataType_Varchar(type.size)
    if type.name == "decimal":
        return schema.DataType_Decimal(schema.DecimalSize(type.size, type.scale))
    return getattr(schema, f"DataType_{type.name.capitalize()}")()


def definition_out(column):
    type, literal = column._parts()
    default = None
    if column.default is CURRENT_TIMESTAMP:
        default = schema.DefaultValue_CurrentTimestamp()
    elif literal is not None:
        default = schema.DefaultValue_Literal(value_out(literal))
    return schema.ColumnDefinition(column.name, data_type_out(type), column.not_null, default, column.identity)


def foreign_key_out(key):
    action = schema.DeleteAction[key.on_delete.upper().replace("-", "_")]
    return schema.ForeignKey(key.columns, batches.TableName(key.schema, key.references), key.referenced, action)


def change_out(argument):
    """An argument of a change of the schema."""
    if isinstance(argument, TableName):
        return table(argument)
    if isinstance(argument, Column):
        return definition_out(argument)
    if isinstance(argument, NewIndex):
        return schema.IndexDefinition(argument.name, table(argument.table), argument.columns, argument.unique)
    if isinstance(argument, NewTable):
        columns, keys = map(definition_out, argument.columns), map(foreign_key_out, argument.foreign_keys)
        return schema.TableDefinition(table(argument.table), list(columns), argument.primary_key, argument.unique, list(keys))
    return argument


class Handle:
    """A resource of the host."""

    def __init__(self, resource):
        self.resource = resource

    def close(self):
        self.resource.__exit__(None, None, None)


class ReaderHandle(Handle):
    def next(self):
        batch = asked(packed.next, self.resource)
        return None if batch is None else raw_of(batch)


class WriterHandle(Handle):
    def write(self, raw):
        return asked(packed.write, self.resource, packed_of(raw))

    def finish(self):
        return asked(self.resource.finish)


class AssetHandle(Handle):
    def size(self):
        return self.resource.size()

    def read(self, limit):
        return asked(self.resource.read, max(0, min(int(limit), 2**32 - 1)))


class Bridge:
    def dialect(self):
        runner_world.in_a_run("db.dialect")
        return context.get_dialect().name.lower()

    def server_version(self):
        runner_world.in_a_run("db.server_version")
        return context.server_version()

    def execute(self, text, values):
        return asked(sql.execute, text, list(map(value_out, values)))

    def query(self, text, values):
        found = asked(sql.query, text, list(map(value_out, values)))
        return found.columns, [list(map(value_in, row)) for row in found.rows]

    def read(self, text, values):
        return ReaderHandle(asked(batches.read, text, list(map(value_out, values))))

    def read_table(self, source, values):
        return ReaderHandle(asked(batches.read_table, source_out(source, values)))

    def write(self, target):
        return WriterHandle(asked(batches.write, target_out(target)))

    def transform(self, name, source, values, target):
        report = asked(batches.transform, name, source_out(source, values), target_out(target))
        return report.rows_read, report.rows_written, report.chunks

    def change_schema(self, call, *arguments):
        asked(getattr(schema, call), *map(change_out, arguments))

    def function_name(self, function):
        return runner_script.function_name(function)

    def parameters(self):
        runner_world.in_a_run("parameters")
        given = runner_world.answer("parameters", context.parameters)
        return [(parameter.name, value_in(parameter.value)) for parameter in given]

    def run_timestamp(self):
        runner_world.in_a_run("run_timestamp()")
        return context.run_timestamp()

    def seed(self):
        runner_world.in_a_run("seed()")
        return runner_world.answer("seed", context.seed)

    def log(self, level, message):
        context.log(LEVELS[level], readable(message))

    def progress(self, done, total, unit):
        context.progress(done, total, unit)

    def read_asset(self, path):
        with asked(context.open_asset, path_out(path)) as asset:
            chunks = []
            while chunk := asked(asset.read, 1 << 20):
                chunks.append(chunk)
        return b"".join(chunks)

    def open_asset(self, path):
        return AssetHandle(asked(context.open_asset, path_out(path)))


HOST = Bridge()
