"""The standard library, which is part of the component: there are no files to import it from."""

import importlib.machinery
import importlib.util
import marshal
import os
import sys

#: Imported while the component is built, so that a script has them at once.
READY = """
    abc array base64 binascii bisect calendar cmath codecs collections collections.abc contextlib copy copyreg csv dataclasses
    datetime decimal difflib enum fractions functools hashlib heapq hmac html html.entities inspect io ipaddress itertools json
    keyword linecache logging math numbers operator os os.path posixpath pprint random re reprlib secrets stat statistics string
    struct sys textwrap threading time token tokenize tomllib traceback types typing unicodedata urllib urllib.parse uuid warnings
    weakref zlib zoneinfo
    encodings.ascii encodings.cp1252 encodings.idna encodings.latin_1 encodings.utf_16 encodings.utf_8 encodings.utf_8_sig
""".split()

#: Kept as code, and imported when a script asks for them.
KEPT = """
    __future__ _compat_pickle _markupbase _strptime argparse ast colorsys configparser contextvars dis email encodings fnmatch getopt gettext glob
    graphlib gzip html importlib json locale opcode pathlib pickle pkgutil quopri re shlex string stringprep timeit tomllib urllib xml
    zipfile zoneinfo shutil
""".split()

NETWORK, PROCESSES = "a migration has no network", "a migration starts no processes"
FILES = "a migration has no file system"
REFUSED = {
    **dict.fromkeys(
        "socket _socket ssl _ssl select selectors socketserver asyncio http ftplib imaplib poplib smtplib telnetlib nntplib "
        "urllib.request xmlrpc.client xmlrpc.server webbrowser".split(), NETWORK,
    ),
    **dict.fromkeys("subprocess _posixsubprocess multiprocessing pty signal concurrent.futures.process".split(), PROCESSES),
    **dict.fromkeys("ctypes _ctypes mmap".split(), "a migration has no access to memory"),
    **dict.fromkeys("sqlite3 _sqlite3 dbm".split(), "a migration has one database: use `db` of `runner_guest`"),
    **dict.fromkeys("tkinter turtle idlelib curses readline termios tty".split(), "a migration has no terminal or screen"),
    **dict.fromkeys("venv ensurepip mailbox tempfile fileinput tarfile shelve filecmp".split(), FILES),
}

#: Code of the modules that are not imported yet: whether it is a package, and the code.
CODE = {}
ZONES = {}


def keep_code():
    # That of a module which is not frozen.
    import inspect

    root = os.path.dirname(inspect.__file__)
    wanted = {name.split(".")[0] for name in KEPT}
    for directory, subdirectories, files in os.walk(root):
        subdirectories.sort()
        relative = os.path.relpath(directory, root)
        parts = [] if relative == "." else relative.split("/")
        if any(part in ("test", "tests", "__pycache__", "site-packages") for part in parts):
            continue
        for file in sorted(files):
            if not file.endswith(".py"):
                continue
            path = [*parts, file.removesuffix(".py")]
            is_package = path[-1] == "__init__"
            path = path[:-1] if is_package else path
            name = ".".join(path)
            if not path or path[0] not in wanted or name in sys.modules or refusal(name) is not None:
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
        if name in REFUSED:
            return REFUSED[name]
        name = name.rpartition(".")[0]
    return None


class Library:
    """Finds modules whose code is kept."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        reason = refusal(name)
        if reason is not None:
            raise ModuleNotFoundError(f"`{name}` cannot be imported: {reason}", name=name)
        if name in CODE:
            origin = f"<python>/{name}"
            return importlib.machinery.ModuleSpec(name, Library, origin=origin, is_package=CODE[name][0])
        return None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        exec(marshal.loads(CODE[module.__spec__.name][1]), module.__dict__)

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

    for name in [name for name in sys.modules if refusal(name) is not None]:
        del sys.modules[name]
    trim_records()
    builtin, frozen = importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter
    sys.meta_path[:] = [Library, builtin, frozen, runner_script.Companions]
    sys.path[:] = []
    sys.path_hooks[:] = []
    sys.path_importer_cache.clear()
