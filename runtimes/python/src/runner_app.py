"""The component's exports: what the host calls. The build imports this, and keeps the memory of the interpreter as it is then."""

import gc

import runner_world
import runner_library
import runner_script
from componentize_py_types import Err
from runner_bridge import HOST, error_record, packed_in, packed_out, readable
from runner_guest import Batch
from runner_guest._description import VERBS, described
from runner_guest._errors import describe_error
from runner_guest._host import connect
from wit_world import WitWorld as World
from wit_world import exports
from wit_world.imports import batches, description_types, process, types

connect(HOST)


def told(error):
    """What an exception says, as one text: the message, and where."""
    _, _, message, detail = describe_error(error, runner_script.line_of)
    return readable(f"{message}\n{detail}" if detail else message)


def needs_of(needs):
    tables = [
        description_types.TableNeed(
            description_types.TableVerb[verb.upper()], batches.TableName(need.schema, need.table), list(need.columns)
        )
        for verb in VERBS
        for need in getattr(needs, verb)
    ]
    limits = [
        description_types.LimitNeed(description_types.Limit[name.upper()], least) for name, least in needs.limits.items()
    ]
    return [
        *([description_types.Need_TableRebuild()] if needs.table_rebuild else []),
        *map(description_types.Need_Table, tables),
        *([description_types.Need_RawSql()] if needs.raw_sql else []),
        *map(description_types.Need_Function, needs.functions),
        *map(description_types.Need_Limit, limits),
    ]


def describe():
    module = runner_script.module()
    given = getattr(module, "describe", None)
    if given is None and not hasattr(module, "description"):
        raise TypeError('the script has no description: add `description = Description("…")`')
    if callable(given):
        value = runner_script.call(given, "`describe` takes no arguments")
        runner_script.refuse_unrun("describe", value, "def describe():")
    else:
        value = module.description
    value = described(value)
    runner_script.function("upgrade")
    oneway = not callable(getattr(module, "downgrade", None))
    for name in ("upgrade", "downgrade"):
        runner_script.check(getattr(module, name, None), f"`{name}` takes no arguments: write `def {name}():`")
    return description_types.Description(
        value.summary,
        list(value.depends_on),
        description_types.Mode[value.mode.upper()],
        [types.Dialect[dialect.upper()] for dialect in value.dialects],
        bool(value.irreversible) or oneway,
        needs_of(value.needs),
    )


def migrate(name):
    try:
        with runner_world.call_of(name):
            result = runner_script.call(runner_script.function(name), f"`{name}` takes no arguments: write `def {name}():`")
            runner_script.refuse_unrun(name, result, f"def {name}():")
    except BaseException as error:
        raise Err(error_record(*describe_error(error, runner_script.line_of))) from None


class WitWorld(World):
    def describe(self):
        try:
            with runner_world.call_of("describe"):
                return describe()
        except BaseException as error:
            # There is no error to return.
            process.abort(told(error))

    def upgrade(self):
        migrate("upgrade")

    def downgrade(self):
        migrate("downgrade")


class PackedTransformer(exports.PackedTransformer):
    def transform_batch(self, name, rows):
        try:
            with runner_world.call_of("transform-batch"):
                function = runner_script.function(name)
                # The script may have been loaded just now: a seed that it sets then would hold for the first batch alone.
                runner_world.CHANCE.is_sown_here = False
                result = runner_script.call(
                    function, f"a batch function takes the batch: write `def {name}(batch):`", packed_in(rows)
                )
                if not isinstance(result, Batch):
                    runner_script.refuse_unrun(name, result, f"def {name}(batch):")
                    raise TypeError(f"`{name}` returned {result!r}: a batch function returns the batch")
                return packed_out(result)
        except BaseException as error:
            raise Err(told(error)) from None


# What the build leaves behind is no part of the runtime.
runner_library.finish()
runner_world.finish()
runner_world.scrub()
gc.collect()
# The collector need not look at what is there already.
gc.freeze()
