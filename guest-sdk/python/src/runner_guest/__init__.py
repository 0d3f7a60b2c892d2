"""Everything that a migration in Python can use.

A migration is a Python file, ``REVISION_name.py``, with a ``description``, a function ``upgrade`` and usually a function
``downgrade``. Other functions at its top level are batch functions, if ``db.transform`` names them.
"""

from . import schema
from ._batch import Batch, Row
from ._column import Column
from ._context import assets, log, parameter, parameters, progress, random, run_timestamp, seed
from ._database import Reader, Source, Target, TransformReport, Writer, db
from ._description import Description, Needs, TableNeed
from ._errors import RunnerError
from ._values import Json, Native

__version__ = "0.1.0"
__all__ = [
    "Batch", "Column", "Description", "Json", "Native", "Needs", "Reader", "Row", "RunnerError", "Source", "TableNeed", "Target",
    "TransformReport", "Writer", "assets", "db", "log", "parameter", "parameters", "progress", "random", "run_timestamp", "schema",
    "seed",
]
