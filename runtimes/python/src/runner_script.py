"""The script: its source, its modules, and calls of its functions."""

import importlib.machinery
import importlib.util
import io
import linecache
import sys
import types

#: The lines of each file of the script.
LINES = {}
_module = None
_base = ""


def keep_lines(path, text):
    # Lines as the compiler counts them: `str.splitlines` divides at form feeds as well.
    lines = list(io.StringIO(text, newline=None))
    LINES[path] = lines
    linecache.cache[path] = (len(text), None, lines, path)


def line_of(path, number):
    """A line of the script or of its modules; `None` for every other file."""
    lines = LINES.get(path)
    if lines is None:
        return None
    return lines[number - 1].removesuffix("\n") if 0 < number <= len(lines) else ""


def _host():
    from runner_bridge import HOST

    return HOST


def module():
    """The script, executed once."""
    global _module, _base
    if _module is None:
        path = _host().read_asset(":name").decode()
        text = _host().read_asset(":script").decode()
        _base = path.removesuffix(".py")
        keep_lines(path, text)
        # Names that no module beside the script has.
        made = types.ModuleType("runner_migration")
        made.__file__ = path
        # Classes of the script look for their module.
        sys.modules["runner_migration"] = made
        exec(compile(text, path, "exec", dont_inherit=True), made.__dict__)
        _module = made
    return _module


def function(name):
    """A function at the top level of the script."""
    found = getattr(module(), name, None)
    if not callable(found):
        raise TypeError(f"the script has no function `{name}`")
    return found


def function_name(wanted):
    """The name of a function at the top level of the script."""
    # While the script is executed, its names are only in its module.
    scope = vars(_module if _module is not None else sys.modules["runner_migration"])
    if isinstance(wanted, str):
        return wanted if callable(scope.get(wanted)) else None
    return next((name for name, value in scope.items() if value is wanted and callable(value)), None)


class WrongSignature(TypeError):
    pass


def check(function, message):
    """Fails if a function needs arguments that it does not get."""
    code = getattr(function, "__code__", None)
    if code is not None and code.co_argcount > len(function.__defaults__ or ()):
        raise _misfit(function, message)


def _misfit(function, message):
    code = getattr(function, "__code__", None)
    where = "" if code is None else f" ({code.co_filename}:{code.co_firstlineno})"
    return WrongSignature(message + where)


def call(function, message, *arguments):
    """Calls a function of the script. If it does not take the arguments, the message says so."""
    try:
        return function(*arguments)
    except TypeError as error:
        if error.__traceback__.tb_next is not None or not hasattr(function, "__code__"):
            raise
        reason = error
    misfit = _misfit(function, message)
    raise misfit from reason


WrongSignature.__name__ = "TypeError"


def refuse_unrun(name, result, head):
    """Fails if a function of the script returned what has yet to run: nothing awaits or iterates it."""
    if hasattr(result, "__await__"):
        if hasattr(result, "close"):
            result.close()
        raise TypeError(f"`{name}` is `async`, and nothing awaits it: write `{head}`")
    if isinstance(result, (types.GeneratorType, types.AsyncGeneratorType)):
        raise TypeError(f"`{name}` is a generator, and nothing iterates it: it must not `yield`")
    if hasattr(result, "__next__") or hasattr(result, "__anext__"):
        raise TypeError(f"`{name}` returned an iterator, and nothing iterates it: loop over it in `{name}`")


class Companions:
    """Finds modules in the directory with the script's name."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if not _base:
            return None
        inside = name.replace(".", "/")
        # By hand, or as `runner build` installed it.
        places = [(f"{place}{inside}{end}", bool(end)) for place in ("", "vendor/") for end in ("", "/__init__")]
        for file, is_package in [(f"{path}.py", is_package) for path, is_package in places]:
            source = Companions._read(file)
            if source is not None:
                origin = f"{_base}/{file}"
                spec = importlib.machinery.ModuleSpec(name, Companion(origin, source), origin=origin, is_package=is_package)
                spec.has_location = True
                return spec
        if path is None and "." not in name:
            if name in sys.stdlib_module_names:
                raise ModuleNotFoundError(
                    f"`{name}` cannot be imported: the runtime has the standard library without it", name=name
                )
            raise ModuleNotFoundError(
                f"there is no module `{name}`: besides the standard library and `runner_guest`, there are the files in `{_base}/`",
                name=name,
            )
        return None

    @staticmethod
    def _read(file):
        from runner_guest import RunnerError

        try:
            return _host().read_asset(file)
        except RunnerError:
            return None


class Companion:
    """Loads a module of the script's directory."""

    def __init__(self, path, source):
        self.path, self.source = path, source

    def create_module(self, spec):
        return None

    def exec_module(self, made):
        text = importlib.util.decode_source(self.source)
        keep_lines(self.path, text)
        exec(compile(text, self.path, "exec", dont_inherit=True), made.__dict__)

    def get_source(self, name):
        return importlib.util.decode_source(self.source)

    def get_data(self, path):
        return _host().read_asset(path.removeprefix(f"{_base}/"))
