"""The files of the script's directory, read-only, where Python's own functions look for files."""

import builtins
import errno
import io
import itertools
import os
import posix
import posixpath
import stat
import time
import tokenize
import zlib
import _io

OUTSIDE = "a migration reads the files in the directory with the script's name, and no others"
WRITES = "a migration writes no files but temporary ones, which are in memory: use `tempfile` or `io.BytesIO`, or store it in the database"
DESCRIPTORS = "a migration has no file descriptors: use `open` and `pathlib`"

#: Functions that change files, and those that need descriptors.
OF_WRITES = """
    chmod fchmod ftruncate link mkfifo symlink truncate writev pwrite pwritev
""".split()
OF_DESCRIPTORS = """
    chdir dup dup2 fdatasync fstatvfs fsync ioctl lseek pipe posix_fadvise posix_fallocate pread preadv read readv sendfile statvfs
""".split()
#: Where temporary files are, in memory, until the host's call ends.
TEMPORARY = "/tmp"

_script = "/"
_directories = None
_descriptors = {}
_numbers = itertools.count(1000)


class Asset:
    """A file that the host has."""

    def __init__(self, path, size):
        self.path, self.size = path, size

    def read(self):
        return read_asset(self.path)


class Memory:
    """A temporary file."""

    content = b""
    #: When it was changed, in seconds; `None` at the time of the run.
    changed = None

    @property
    def size(self):
        return len(self.content)

    def read(self):
        return self.content


def mount(script):
    """Makes the script's path known, below the root."""
    global _script, _directories
    _script, _directories = f"/{script.lstrip('/')}", None


def root():
    """The directory of the files, which exists only if there are any."""
    return posixpath.splitext(_script)[0]


def read_asset(asset):
    from runner_bridge import HOST

    return HOST.read_asset(asset)


def directories():
    """Each directory by its path: a dict of names, with a file each, and None for a directory."""
    global _directories
    if _directories is None:
        _directories = {"/": {"tmp": None}, TEMPORARY: {}}
        _add(_script, Asset(":script", len(read_asset(":script"))))
        for line in read_asset(":files").decode().splitlines():
            size, _, path = line.partition(" ")
            _add(f"{root()}/{path}", Asset(path, int(size)))
    return _directories


def forget_temporary():
    """No call of the host finds what another one has left."""
    if _directories is not None:
        for path in [path for path in _directories if path.startswith(f"{TEMPORARY}/")]:
            del _directories[path]
        _directories[TEMPORARY].clear()
        _descriptors.clear()


def _add(path, entry):
    parent, _, name = path.rpartition("/")
    parent = parent or "/"
    if parent not in _directories:
        _directories[parent] = {}
        _add(parent, None)
    _directories[parent][name] = entry


def _text(path):
    path = os.fspath(path)
    return os.fsdecode(path) if isinstance(path, bytes) else path


def _full(path):
    return posixpath.normpath(f"/{_text(path)}").replace("//", "/")


def find(path):
    """What is at a path: the dict of a directory, or a file."""
    if isinstance(path, int):
        if path not in _descriptors:
            raise PermissionError(errno.EACCES, DESCRIPTORS)
        return _descriptors[path]
    full = _full(path)
    if full in directories():
        return directories()[full]
    parent, _, name = full.rpartition("/")
    entry = directories().get(parent or "/", {}).get(name)
    if entry is None:
        inside = full.startswith((f"{root()}/", f"{TEMPORARY}/"))
        raise FileNotFoundError(errno.ENOENT, "there is no such file" if inside else OUTSIDE, path)
    return entry


def _directory(path):
    found = find(path)
    if not isinstance(found, dict):
        raise NotADirectoryError(errno.ENOTDIR, "this is a file", path)
    return found


def _place(path):
    """The directory of a temporary file, and its name."""
    parent, _, name = _full(path).rpartition("/")
    if parent != TEMPORARY and not parent.startswith(f"{TEMPORARY}/"):
        raise PermissionError(errno.EACCES, WRITES, path)
    return _directory(parent), name


def _made(path, only_new):
    """A temporary file, which exists then."""
    directory, name = _place(path)
    if only_new and name in directory:
        raise FileExistsError(errno.EEXIST, "this file exists", path)
    if directory.get(name, name) is None:
        raise IsADirectoryError(errno.EISDIR, "this is a directory", path)
    return directory.setdefault(name, Memory())


class File(io.BytesIO):
    """The content of a file that is open for reading."""

    mode = "rb"

    def __init__(self, name, content):
        super().__init__(content)
        self.name = name

    def writable(self):
        return False

    def write(self, content):
        raise io.UnsupportedOperation("not writable")

    writelines = truncate = write


class MemoryFile(io.BytesIO):
    """A temporary file that is open for writing."""

    def __init__(self, name, of, mode):
        super().__init__(b"" if "w" in mode else of.content)
        self.name, self.mode, self._of = name, mode, of
        if "a" in mode:
            self.seek(0, io.SEEK_END)
        self.flush()

    def flush(self):
        self._of.content = self.getvalue()

    def close(self):
        if not self.closed:
            self.flush()
        super().close()


def open_file(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
    kinds = set(mode)
    if not kinds <= set("rwxabt+") or {"b", "t"} <= kinds or len(kinds & set("rwxa")) != 1:
        raise ValueError(f"invalid mode: {mode!r}")
    if "b" in kinds and not (encoding is errors is newline is None):
        raise ValueError("binary mode takes no encoding, errors or newline")
    if opener is not None:
        file = opener(file, (os.O_RDWR if kinds - set("rbt") else 0) | (os.O_EXCL if "x" in kinds else 0))
    if not kinds & set("wxa+"):
        found = find(file)
        if isinstance(found, dict):
            raise IsADirectoryError(errno.EISDIR, "this is a directory", file)
        raw = File(file, found.read())
        binary = raw if buffering == 0 else io.BufferedReader(raw)
    else:
        of = find(file) if isinstance(file, int) or "r" in kinds else _made(file, "x" in kinds)
        if not isinstance(of, Memory):
            raise PermissionError(errno.EACCES, WRITES, file)
        binary = MemoryFile(file, of, mode)
    if "b" in kinds:
        return binary
    text = io.TextIOWrapper(binary, encoding or "utf-8", errors, newline)
    text.mode = mode
    return text


def open_descriptor(path, flags, mode=0o777, *, dir_fd=None):
    found = _made(path, flags & os.O_EXCL) if flags & os.O_CREAT else find(path)
    if not isinstance(found, Memory):
        raise PermissionError(errno.EACCES, DESCRIPTORS, path)
    number = next(_numbers)
    _descriptors[number] = found
    return number


def write_descriptor(number, content):
    """Writes at the end, as one writes a file that was just made."""
    if number not in _descriptors:
        raise PermissionError(errno.EACCES, DESCRIPTORS)
    _descriptors[number].content += content
    return len(content)


def remove(path, *, dir_fd=None):
    directory, name = _place(path)
    if not isinstance(find(path), Memory):
        raise IsADirectoryError(errno.EISDIR, "this is a directory", path)
    del directory[name]


def utime(path, times=None, *, ns=None, **options):
    found = find(path)
    if not isinstance(found, Memory):
        raise PermissionError(errno.EACCES, WRITES, path)
    found.changed = times[1] if times else ns[1] / 1e9 if ns else None


def mkdir(path, mode=0o777, *, dir_fd=None):
    directory, name = _place(path)
    if name in directory:
        raise FileExistsError(errno.EEXIST, "this file exists", path)
    directory[name] = None
    directories()[_full(path)] = {}


def rmdir(path, *, dir_fd=None):
    directory, name = _place(path)
    if _directory(path):
        raise OSError(errno.ENOTEMPTY, "this directory is not empty", path)
    del directory[name], directories()[_full(path)]


def rename(old, new, **options):
    directory, name = _place(old)
    if not isinstance(find(old), Memory):
        raise PermissionError(errno.EACCES, "only files are renamed here", old)
    into, as_name = _place(new)
    into[as_name] = directory.pop(name)


def open_code(path):
    return open_file(path, "rb")


class FileIO(File):
    def __new__(cls, file, mode="r", closefd=True, opener=None):
        return open_file(file, mode.replace("b", "") + "b", 0)


def stat_of(path, *, dir_fd=None, follow_symlinks=True):
    found = find(path)
    mode, size = (stat.S_IFDIR | 0o555, 0) if isinstance(found, dict) else (stat.S_IFREG | 0o444, found.size)
    inode = path if isinstance(path, int) else zlib.crc32(_full(path).encode(errors="replace"))
    # Archives of ZIP know no time before 1980.
    now = int(time.time())
    changed = getattr(found, "changed", None)
    return os.stat_result((mode, inode, 1, 1, 0, 0, size, now, now if changed is None else int(changed), now))


def listdir(path="."):
    names = list(_directory("." if path is None else path))
    return [os.fsencode(name) for name in names] if isinstance(path, bytes) else names


class Entry:
    def __init__(self, directory, name, entry):
        self.name, self.path = name, os.path.join(directory, name)
        self._is_directory = entry is None

    def is_dir(self, *, follow_symlinks=True):
        return self._is_directory

    def is_file(self, *, follow_symlinks=True):
        return not self._is_directory

    def is_symlink(self):
        return False

    is_junction = is_symlink

    def stat(self, *, follow_symlinks=True):
        return stat_of(self.path)

    def inode(self):
        return self.stat().st_ino

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return f"<DirEntry {self.name!r}>"


class Scan:
    def __init__(self, entries):
        self._entries = iter(entries)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def __enter__(self):
        return self

    def __exit__(self, *arguments):
        self.close()

    def close(self):
        self._entries = iter(())


def scandir(path="."):
    path = "." if path is None else path
    found = _directory(path)
    encode = os.fsencode if isinstance(path, bytes) else str
    return Scan([Entry(os.fspath(path), encode(name), entry) for name, entry in found.items()])


def access(path, mode, **options):
    try:
        find(path)
    except OSError:
        return False
    return not mode & os.W_OK or f"{_full(path)}/".startswith(f"{TEMPORARY}/")


def readlink(path, **options):
    find(path)
    raise OSError(errno.EINVAL, "this is no link", path)


def refusing(reason):
    def refuse(*arguments, **named):
        path = arguments[0] if arguments and isinstance(arguments[0], (str, bytes, os.PathLike)) else None
        raise PermissionError(errno.EACCES, reason, path)

    return refuse


def replace_files():
    """Puts these files in the place of the system's."""
    functions = {
        "stat": stat_of, "lstat": stat_of, "fstat": stat_of, "access": access, "listdir": listdir, "scandir": scandir, "readlink": readlink,
        "open": open_descriptor, "close": lambda number: _descriptors.pop(number, None), "isatty": lambda number: False,
        "write": write_descriptor,
        "remove": remove, "unlink": remove, "mkdir": mkdir, "utime": utime, "rmdir": rmdir, "rename": rename, "replace": rename,
        "getcwd": lambda: "/", "getcwdb": lambda: b"/",
    }
    functions |= dict.fromkeys(OF_WRITES, refusing(WRITES)) | dict.fromkeys(OF_DESCRIPTORS, refusing(DESCRIPTORS))
    for module in (os, posix):
        for name, function in functions.items():
            if hasattr(module, name):
                setattr(module, name, function)
    for module in (builtins, io, _io):
        module.open = open_file
    for module in (io, _io):
        module.open_code, module.FileIO = open_code, FileIO
    tokenize._builtin_open = open_file
    # What a function of `os` can do is looked up by the function.
    os.supports_dir_fd = os.supports_fd = os.supports_follow_symlinks = set()


def no_open(event, arguments):
    """Refuses what the interpreter itself would open: the file of a syntax error, to show its line."""
    if event == "open":
        raise PermissionError(errno.EACCES, OUTSIDE)
