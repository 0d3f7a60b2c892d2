"""The standard library, which is part of the component: there are no files to import it from."""

import importlib.machinery
import importlib.util
import marshal
import os
import sys

import runner_refusals
import runner_world
from runner_script import Missing

#: Imported while the component is built, so that a script has them at once.
READY = """
    abc array base64 binascii bisect calendar cmath codecs collections collections.abc contextlib copy copyreg csv dataclasses
    datetime decimal difflib enum fractions functools hashlib heapq hmac html html.entities inspect io ipaddress itertools json
    keyword linecache logging math numbers operator os os.path posixpath pprint random re reprlib secrets stat statistics string
    struct sys textwrap threading time token tokenize tomllib traceback types typing unicodedata urllib urllib.parse uuid warnings
    weakref zlib zoneinfo _socket select _signal _sqlite3
    encodings.ascii encodings.cp1252 encodings.idna encodings.latin_1 encodings.utf_16 encodings.utf_8 encodings.utf_8_sig
""".split()

#: Not kept: what has no use without a terminal, and tests.
LEFT_OUT = {"test", "tests", "__pycache__", "site-packages", "pydoc_data", "config-3.14-wasm32-wasi", "lib2to3", "__phello__"}

#: Code of the modules that are not imported yet: whether it is a package, and the code.
CODE = {}
ZONES = {}
EDITION = ""


def keep_code():
    # That of a module which is not frozen.
    import inspect

    root = os.path.dirname(inspect.__file__)
    for directory, subdirectories, files in os.walk(root):
        subdirectories.sort()
        relative = os.path.relpath(directory, root)
        parts = [] if relative == "." else relative.split("/")
        if LEFT_OUT.intersection(parts):
            continue
        for file in sorted(files):
            if not file.endswith(".py"):
                continue
            path = [*parts, file.removesuffix(".py")]
            is_package = path[-1] == "__init__"
            path = path[:-1] if is_package else path
            name = ".".join(path)
            if not path or name in sys.modules or name in runner_refusals.STUBS or refusal(name) is not None:
                continue
            with open(os.path.join(directory, file), "rb") as source:
                code = compile(source.read(), f"<python>/{'/'.join(path)}.py", "exec", dont_inherit=True, optimize=2)
            CODE[name] = (is_package, marshal.dumps(code))


def keep_zones():
    """The data of time zones, from the package `tzdata`."""
    import tzdata

    root = os.path.join(os.path.dirname(tzdata.__file__), "zoneinfo")
    for directory, subdirectories, files in os.walk(root):
        subdirectories.sort()
        for file in sorted(files):
            with open(os.path.join(directory, file), "rb") as source:
                content = source.read()
            if content.startswith(b"TZif"):
                ZONES[os.path.relpath(os.path.join(directory, file), root)] = content
    # The program looks for it in the runtime.
    global EDITION
    EDITION = f"IANA time zones {tzdata.IANA_VERSION}"
    for name in [name for name in sys.modules if name.split(".")[0] == "tzdata"]:
        del sys.modules[name]


def load_zone(key):
    import io
    import zoneinfo

    content = ZONES.get(key)
    if content is None:
        raise zoneinfo.ZoneInfoNotFoundError(f"no time zone {key!r}")
    return io.BytesIO(content)


def refusal(name):
    """Why there is no such module."""
    while name:
        if name in runner_refusals.REFUSED:
            return runner_refusals.REFUSED[name]
        name = name.rpartition(".")[0]
    return None


class Library:
    """Finds modules whose code is kept."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        reason = refusal(name)
        if reason is not None:
            raise Missing(f"`{name}` cannot be imported: {reason}", name=name)
        if name in CODE:
            origin = f"<python>/{name}"
            return importlib.machinery.ModuleSpec(name, Library, origin=origin, is_package=CODE[name][0])
        if name in runner_refusals.STUBS:
            return importlib.machinery.ModuleSpec(name, Library, origin=f"<python>/{name}", is_package=name in ("ctypes", "curses"))
        return None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        if module.__name__ in CODE:
            # Some draw a number.
            with runner_world.loading(module.__name__):
                exec(marshal.loads(CODE[module.__name__][1]), module.__dict__)
        else:
            runner_refusals.fill(module)
        runner_refusals.refuse_calls(module)

    @staticmethod
    def is_package(name):
        return CODE[name][0]


def trim_records():
    """Records of the contract are made and read, never compared or shown: the methods for that would only take room."""
    unused = ("__repr__", "__eq__", "__replace__", "__match_args__", "__dataclass_params__", "__dataclass_fields__")
    for module in [module for name, module in sys.modules.items() if name.startswith("wit_world")]:
        for kind in vars(module).values():
            if isinstance(kind, type) and "__dataclass_fields__" in vars(kind):
                kind.__doc__ = None
                for name in unused:
                    if name in vars(kind):
                        delattr(kind, name)


def finish():
    """Imports and keeps everything, and closes the way to the files."""
    for name in READY:
        try:
            __import__(name)
        except ImportError as error:
            if refusal(error.name or "") is None:
                raise
    import hashlib
    import zoneinfo
    import zoneinfo._common

    keep_zones()
    zoneinfo._common.load_tzdata = load_zone
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.available_timezones = lambda: set(ZONES)
    keep_code()
    if not {"_strptime", "pathlib", "email.message"} <= CODE.keys() | sys.modules.keys():
        raise SystemError("the standard library is not where it should be")
    import runner_script

    for name in [name for name in sys.modules if refusal(name) is not None or name in runner_refusals.STUBS]:
        del sys.modules[name]
    for name in runner_refusals.CALLS:
        if name in sys.modules:
            runner_refusals.refuse_calls(sys.modules[name])
    hashlib.pbkdf2_hmac = runner_refusals.pbkdf2_hmac
    trim_records()
    builtin, frozen, paths = (getattr(importlib.machinery, name) for name in ("BuiltinImporter", "FrozenImporter", "PathFinder"))
    sys.meta_path[:] = [Library, builtin, frozen, paths, runner_script.Nowhere]
    sys.path[:] = []
    sys.path_hooks[:] = [importlib.machinery.FileFinder.path_hook((runner_script.Companion, [".py"]))]
    sys.path_importer_cache.clear()
