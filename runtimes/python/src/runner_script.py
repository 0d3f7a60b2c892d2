"""The script: its source, its modules, and calls of its functions."""

import importlib.machinery
import importlib.util
import io
import linecache
import os
import sys
import types

import runner_files
import runner_refusals
import runner_world

#: The lines of each file of the script.
LINES = {}
_module = None


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
    global _module
    if _module is None:
        path = _host().read_asset(":name").decode()
        text = _host().read_asset(":script").decode()
        runner_files.mount(path)
        # As the interpreter sets it outside as well, where the locale is C. The start of the component clears it.
        os.environ["LC_CTYPE"] = "C.UTF-8"
        # By hand, and as `runner build` installs packages.
        sys.path[:] = [runner_files.root(), f"{runner_files.root()}/vendor"]
        keep_lines(path, text)
        # Names that no module beside the script has.
        made = types.ModuleType("runner_migration")
        made.__file__ = f"/{path}"
        # Classes of the script look for their module.
        sys.modules["runner_migration"] = made
        runner_world.begin_loading()
        try:
            exec(compile(text, path, "exec", dont_inherit=True), made.__dict__)
        finally:
            runner_world.end_loading()
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


class Missing(ModuleNotFoundError):
    """Says why there is no such module. To those who only ask, there is none."""


Missing.__name__ = Missing.__qualname__ = "ModuleNotFoundError"
_find_spec = importlib.util.find_spec


def find_spec(name, package=None):
    try:
        return _find_spec(name, package)
    except Missing:
        return None


importlib.util.find_spec = find_spec


class Companion(importlib.machinery.SourceFileLoader):
    """Loads a module of the directory with the script's name."""

    def get_code(self, name):
        text = importlib.util.decode_source(self.get_data(self.path))
        # As messages show it.
        shown = self.path.lstrip("/")
        keep_lines(shown, text)
        return compile(text, shown, "exec", dont_inherit=True)

    def exec_module(self, made):
        with runner_world.loading(made.__name__):
            super().exec_module(made)


class Nowhere:
    """Comes last, and says why there is no such module."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if not sys.path:
            return None
        directories = runner_files.directories()
        for directory in sys.path if path is None else path:
            for file in directories.get(directory, ()):
                if file.startswith(f"{name.rpartition('.')[2]}.") and file.endswith((".so", ".pyd", ".dylib")):
                    shown = f"{directory}/{file}".lstrip("/")
                    # Without its name: `from . import x` would take it for an attribute that is missing.
                    raise Missing(
                        f"`{name}` cannot be imported: `{shown}` is compiled code, and a migration runs pure Python"
                        + runner_refusals.instead_of(name)
                    )
        if path is not None:
            return None
        if name in sys.stdlib_module_names:
            raise Missing(f"`{name}` cannot be imported: the runtime has the standard library without it", name=name)
        raise Missing(
            f"there is no module `{name}`: besides the standard library and `runner_guest`, there are the files in "
            f"`{runner_files.root().lstrip('/')}/`{runner_refusals.instead_of(name)}", name=name,
        )
