"""The world around a script: the clock and chance of the run, and no files, network, processes or threads."""

import contextlib
import datetime
import gc
import io
import locale
import os
import posix
import random
import re
import sys
import time
import types
import weakref
import zlib
import _locale

import runner_files
import runner_threads

#: What the host has called.
phase = "build"
#: What the host has answered in this call: a script may ask for each row, and calls of the host are counted.
ANSWERS = {}


def answer(name, ask):
    """What the host answers, asked once in a call."""
    if name not in ANSWERS:
        ANSWERS[name] = ask()
    return ANSWERS[name]


def in_a_run(what):
    """Fails while the script is loaded for its description."""
    if phase == "describe":
        from runner_guest import RunnerError

        raise RunnerError(f"`{what}` is not known while the script is loaded for its description", kind="denied")


@contextlib.contextmanager
def call_of(name):
    """A call of the host."""
    global phase, _micros
    phase = name
    if name != "describe":
        from wit_world.imports import context

        _micros = context.run_timestamp()
    ANSWERS.clear()
    try:
        yield
    finally:
        runner_files.forget_temporary()
        for lines in PRINTED:
            lines.finish()


# The clock stands at the time of the run; 1970 while the script is described.

_micros = 0


#: What the C library knows of the formats of times.
FORMAT = re.compile(r"%[-_0]?\+?[0-9]*[EO]?[aAbBcCdDeFgGhHIjmMnprRsStTuUVwWxXyYzZ%]")


def known_format(format):
    """A format of a time. With a part that the C library does not know, its whole answer would be an empty text."""
    at = FORMAT.sub("\0", format).find("%")
    if at >= 0:
        raise ValueError(f"`strftime` does not know all of {format!r}: it has the parts of C, such as %Y, %m, %d, %H, %M and %S")
    return format


def replace_clock():
    real = {name: getattr(time, name) for name in ("gmtime", "localtime", "strftime", "asctime", "ctime")}
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        if hasattr(time, name):
            setattr(time, name, lambda: _micros / 1e6)
            setattr(time, f"{name}_ns", lambda: _micros * 1000)
    time.clock_gettime = lambda clock: _micros / 1e6
    time.clock_gettime_ns = lambda clock: _micros * 1000
    about = types.SimpleNamespace(implementation="the time of the run", monotonic=True, adjustable=False, resolution=1e-6)
    time.get_clock_info = lambda name: about
    os.times = posix.times = lambda: os.times_result((0.0, 0.0, 0.0, 0.0, _micros / 1e6))
    # There is one time zone.
    time.gmtime = lambda seconds=None: real["gmtime"](_micros // 1_000_000 if seconds is None else seconds)
    time.localtime = time.gmtime
    time.asctime = lambda parts=None: real["asctime"](time.gmtime() if parts is None else parts)
    time.ctime = lambda seconds=None: real["asctime"](time.gmtime(seconds))
    time.strftime = lambda format, parts=None: real["strftime"](known_format(format), time.gmtime() if parts is None else parts)

    def sleep(seconds):
        raise RuntimeError("a migration cannot sleep: its clock stands at the time of the run")

    time.sleep = sleep
    epoch = datetime.datetime(1970, 1, 1)

    def utcnow(cls):
        return cls(1970, 1, 1) + datetime.timedelta(microseconds=_micros)

    def now(cls, tz=None):
        if tz is None:
            return utcnow(cls)
        return (cls(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(microseconds=_micros)).astimezone(tz)

    # The classes are immutable, but not the dictionaries of their attributes.
    attributes = gc.get_referents(datetime.datetime.__dict__)[0]
    attributes["now"], attributes["utcnow"] = classmethod(now), classmethod(utcnow)
    del epoch


# There is one locale. The C library has no other, and takes every name for it.

LOCALES = {"", "C", "POSIX", "C.UTF-8", "C.utf8"}


def replace_locales():
    real = _locale.setlocale

    def setlocale(category, name=None):
        # What it answers for several categories is a list, which it takes back.
        if name is not None and not LOCALES.issuperset(name.split(";")):
            raise locale.Error(f"there is no locale {name!r} here, only 'C': write out how a number or a date looks")
        return real(category, name)

    _locale.setlocale = locale._setlocale = setlocale


# Chance follows the run's seed.

NO_DICE = (
    "chance in a batch function depends on how rows are split into batches: use `random(key)` of `runner_guest`, with the "
    "row's key, or set a seed that follows from the row"
)
_sown = 0


def run_seed():
    if phase in ("build", "describe"):
        return 0
    from wit_world.imports import context

    return answer("seed", context.seed)


def fresh_seed():
    """The seed of a generator that is given none: another one each time. In a batch function, nothing is drawn from it."""
    global _sown
    _sown += 1
    return run_seed() + (_sown << 64)


class Chance(random.Random):
    """The generator of the functions of `random`."""

    is_sown = False
    is_sown_here = False

    def __init__(self):
        super().__init__(0)
        self.is_sown = False

    def _begin(self):
        if phase == "transform-batch" and not self.is_sown_here and not _loading:
            raise RuntimeError(NO_DICE)
        if not self.is_sown:
            self.seed(run_seed())

    def seed(self, a=None, version=2):
        self.is_sown = self.is_sown_here = a is not None
        self.gauss_next = None
        if a is not None:
            super().seed(a, version)

    def random(self):
        self._begin()
        return super().random()

    def getrandbits(self, k):
        self._begin()
        return super().getrandbits(k)

    def randbytes(self, n):
        return self.getrandbits(n * 8).to_bytes(n, "little")


CHANCE = None
_bytes = None
#: How many modules of the script are being executed. There, chance is the run's, in every instance the same.
_loading = 0
#: Generators without a seed of their own: what they yield in a batch function would depend on the batches before.
UNSOWN = weakref.WeakSet()
OF_DICE = ("random", "getrandbits")


def no_dice(*arguments):
    raise RuntimeError(NO_DICE)


def refuse_dice(generator):
    if phase == "transform-batch" and not _loading:
        vars(generator).update(dict.fromkeys(OF_DICE, no_dice))


def begin_loading():
    global _loading
    _loading += 1


def end_loading():
    global _loading
    _loading -= 1
    for generator in UNSOWN:
        refuse_dice(generator)


@contextlib.contextmanager
def loading(name):
    """While a module is executed. One that is imported after the script draws what follows from its name, whatever was drawn before."""
    global _sown, _bytes
    kept = None
    if not _loading:
        kept = CHANCE.getstate(), CHANCE.is_sown, CHANCE.is_sown_here, _sown, _bytes
        _sown = zlib.crc32(name.encode()) << 32
        _bytes = random.Random(run_seed() ^ _sown)
        CHANCE.seed(run_seed() ^ _sown)
    begin_loading()
    try:
        yield
    finally:
        end_loading()
        if kept is not None:
            state, CHANCE.is_sown, CHANCE.is_sown_here, _sown, _bytes = kept
            CHANCE.setstate(state)


def urandom(size):
    global _bytes
    if phase == "transform-batch" and not _loading:
        raise RuntimeError(NO_DICE)
    if _bytes is None:
        _bytes = random.Random(run_seed() ^ 0x9E3779B97F4A7C15)
    return _bytes.getrandbits(size * 8).to_bytes(size, "little") if size else b""


def replace_chance():
    global CHANCE
    real = random.Random.seed

    def seed(self, a=None, version=2):
        for name in OF_DICE:
            vars(self).pop(name, None)
        if a is None:
            UNSOWN.add(self)
            refuse_dice(self)
        else:
            UNSOWN.discard(self)
        real(self, fresh_seed() if a is None else a, version)

    random.Random.seed = seed
    old = random._inst
    CHANCE = random._inst = Chance()
    for name, value in list(vars(random).items()):
        if getattr(value, "__self__", None) is old:
            setattr(random, name, getattr(CHANCE, name))
    os.urandom = posix.urandom = random._urandom = urandom


# What is printed, and no input.


class Lines(io.TextIOBase):
    """What is printed goes to the operator, line by line."""

    def __init__(self, level):
        self.level, self.begun = level, ""

    encoding = "utf-8"

    def writable(self):
        return True

    def write(self, text):
        *lines, self.begun = (self.begun + text).split("\n")
        if phase != "build":
            from runner_bridge import HOST

            for line in lines:
                HOST.log(self.level, line)
        return len(text)

    def flush(self):
        pass

    def finish(self):
        """What was printed without a line end is a line of the call as well."""
        if self.begun:
            self.write("\n")


PRINTED = (Lines("info"), Lines("warning"))


class NoInput(io.TextIOBase):
    def readable(self):
        return True

    def readline(self, size=-1):
        raise RuntimeError("a migration has no input: use `parameters` of `runner_guest`")

    read = readline


replace_chance()


def finish():
    """Closes the world, once everything is imported."""
    replace_clock()
    replace_locales()
    runner_files.replace_files()
    runner_threads.replace_threads()
    sys.addaudithook(runner_files.no_open)
    sys.stdin = sys.__stdin__ = NoInput()
    sys.stdout = sys.__stdout__ = PRINTED[0]
    sys.stderr = sys.__stderr__ = PRINTED[1]
    # An exception that nobody caught is told by the host.
    sys.excepthook = sys.unraisablehook = lambda *arguments: None
    sys.argv = [""]
    sys.dont_write_bytecode = True
    os.cpu_count = os.process_cpu_count = lambda: 1
    os.environ.clear()


def scrub():
    """Overwrites freed memory, whose content is no use: with zeros, which take no space in the component."""
    gc.collect()
    header = sys.getsizeof(b"")
    # Of a fixed length, and full of the same in the end: it is freed as well.
    kept = [None] * (1 << 16)
    # Python's own pools, one size after the other.
    for size in range(header + 8 & ~7, 513, 8):
        for index in range(min((1 << 20) // size, len(kept))):
            kept[index] = bytes(size - header)
        _forget(kept)
    # What the C library has, from the largest pieces to the smallest.
    index = 0
    for size in [1 << power for power in range(20, 10, -1)]:
        for _ in range((3 << 20) // size):
            kept[index] = bytes(size - 32)
            index += 1
    _forget(kept)


def _forget(kept):
    for index in range(len(kept)):
        kept[index] = None
