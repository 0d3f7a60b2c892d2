# The standard library and packages with files: each check that fails is an error of the migration.
import asyncio
import concurrent.futures
import ctypes
import datetime
import glob
import gzip
import hashlib
import http.client
import importlib.metadata
import importlib.resources
import importlib.util
import io
import lzma
import multiprocessing
import os
import pathlib
import pkgutil
import queue
import random
import signal
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.request
import uuid
import webbrowser
import zipfile
from zoneinfo import ZoneInfo

import shop
from runner_guest import RunnerError, Target, db

description = "the standard library, and a package with files"
HERE = pathlib.Path(__file__).with_suffix("")
SALT = random.random()
DICE = random.Random()
TOKEN = uuid.uuid4()

failures = []


def same(what, found, expected):
    if repr(found) != repr(expected):
        failures.append(f"{what}: {found!r} instead of {expected!r}")


def fails(what, function, part, kind=Exception):
    try:
        function()
    except Exception as error:
        if not isinstance(error, kind) or part not in str(error):
            failures.append(f"{what}: it failed with {type(error).__name__}: {error}")
    else:
        failures.append(f"{what}: it did not fail")


def refusals():
    # Every name of the library is there, or says why not.
    for name in sorted(sys.stdlib_module_names - {"antigravity", "this", "_ios_support"}):
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            if "cannot be imported: " not in str(error):
                failures.append(f"{name}: {error}")
    for what, function, part, kind in [
        ("socket", socket.socket, "`socket.socket` cannot be called: a migration has no network", OSError),
        ("http", lambda: http.client.HTTPConnection("localhost").request("GET", "/"), "a migration has no network", OSError),
        ("urllib", lambda: urllib.request.urlopen("https://localhost"), "a migration has no network", OSError),
        ("smtplib", lambda: smtplib.SMTP("localhost"), "a migration has no network", OSError),
        ("ssl", lambda: ssl.create_default_context().wrap_socket(None), "a migration has no network", OSError),
        ("subprocess", lambda: subprocess.run(["ls"]), "a migration starts no processes", OSError),
        ("system", lambda: os.system("ls"), "a migration starts no processes", OSError),
        ("webbrowser", lambda: webbrowser.open("http://localhost"), "a migration starts no processes", OSError),
        ("multiprocessing", multiprocessing.Process(target=print).start, "a migration starts no processes", OSError),
        ("a lock between processes", multiprocessing.Lock, "one thread, in one process", OSError),
        ("signal", lambda: signal.alarm(1), "a migration starts no processes", OSError),
        ("threads", threading.Thread(target=print).start, "a migration has one thread", RuntimeError),
        ("executors", lambda: concurrent.futures.ThreadPoolExecutor().submit(print), "a migration has one thread", OSError),
        ("an empty queue", queue.Queue().get, "this would wait for another thread", RuntimeError),
        ("an event", lambda: threading.Event().wait(1), "this would wait for another thread", RuntimeError),
        ("sqlite3", lambda: sqlite3.connect(":memory:"), "a migration has one database: use `db`", OSError),
        ("ctypes", lambda: ctypes.CDLL("libc.so.6"), "a migration has no access to memory", OSError),
        ("lzma", lambda: lzma.compress(b""), "the runtime has no LZMA", OSError),
        ("a zone", lambda: ZoneInfo("Europe/Nowhere"), "no time zone 'Europe/Nowhere'", KeyError),
        ("an encoding", lambda: b"a".decode("klingon"), "unknown encoding: klingon", LookupError),
    ]:
        fails(what, function, part, kind)


def in_memory():
    same("gzip", gzip.decompress(gzip.compress(b"abc")), b"abc")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(HERE / "shop/data/prices.csv", "p.csv")
    packed.seek(0)
    same("tarfile", tarfile.open(fileobj=packed).extractfile("p.csv").read(), b"item,price\nZ\xc3\xbcri,1\n")
    same("hashlib", hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2).hex()[:16], "ae4d0c95af6b46d3")
    waiting = queue.Queue()
    waiting.put(1)
    same("queue", [waiting.get(), waiting.empty()], [1, True])
    with tempfile.SpooledTemporaryFile(max_size=2) as file:
        file.write(b"abc")
        file.seek(0)
        same("spooled", file.read(), b"abc")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "a.zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "text")
            archive.write(__file__, "b.txt")
        os.utime(f"{directory}/a.zip", (315619200, 315619200))
        same("a time of a file", os.stat(f"{directory}/a.zip").st_mtime, 315619200)
        same("zipfile", [zipfile.ZipFile(path).read("a.txt"), os.listdir(directory)], [b"text", ["a.zip"]])
    same("a temporary directory", os.path.exists(directory), False)
    with tempfile.NamedTemporaryFile("w+", suffix=".txt", delete=False) as file:
        file.write("text")
    same("a temporary file", [open(file.name).read(), os.path.getsize(file.name), os.remove(file.name)], ["text", 4, None])


async def later(value):
    await asyncio.sleep(0)
    return value


async def all_of_them():
    waiting = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        group.create_task(waiting.put(3))
        taken = group.create_task(asyncio.wait_for(waiting.get(), 5))
    return [*await asyncio.gather(later(1), later(2)), taken.result()]


def tasks():
    same("asyncio", asyncio.run(all_of_them()), [1, 2, 3])
    fails("asyncio.sleep", lambda: asyncio.run(asyncio.sleep(1)), "a migration cannot sleep", RuntimeError)
    fails("asyncio.open_connection", lambda: asyncio.run(asyncio.open_connection("localhost", 1)), "", Exception)

    async def never():
        await asyncio.get_running_loop().create_future()

    fails("a future", lambda: asyncio.run(never()), "every task waits for something that never comes", RuntimeError)


def files():
    prices = HERE / "shop" / "data" / "prices.csv"
    text = "item,price\nZüri,1\n"
    same("open", [open(prices, encoding="utf-8").read(), open(str(prices)[1:], "rb").read()], [text, text.encode()])
    same("pathlib", [prices.read_text(), sorted(path.name for path in (HERE / "shop").iterdir())],
         [text, ["__init__.py", "data", "left.py", "native.cpython-314-x86_64-linux-gnu.so", "right.py", "rolls.py"]])
    same("glob", [glob.glob(f"{HERE}/**/*.csv", recursive=True), [path.name for path in HERE.rglob("*.csv")]],
         [[str(prices)], ["prices.csv"]])
    same("os", [os.path.isfile(prices), os.path.isdir(HERE), os.path.exists(HERE / "x"), os.stat(prices).st_size, os.access(prices, 2)],
         [True, True, False, 19, False])
    same("walk", [len(names) for _, _, names in os.walk(HERE / "shop")], [5, 1])
    same("scandir", sorted((entry.name, entry.is_dir()) for entry in os.scandir(HERE)), [("shop", True), ("shop-1.2.dist-info", True)])
    same("resources", importlib.resources.files("shop").joinpath("data/prices.csv").read_text(), text)
    same("pkgutil", [pkgutil.get_data("shop", "data/prices.csv"), sorted(found.name for found in pkgutil.iter_modules(shop.__path__))],
         [text.encode(), ["left", "right", "rolls"]])
    same("metadata", [importlib.metadata.version("shop"), importlib.metadata.metadata("shop")["Summary"],
                      [point.load()() for point in importlib.metadata.entry_points(group="tills")]], ["1.2", "A shop", ["ding"]])
    same("paths", [shop.__file__, sys.path], [f"{HERE}/shop/__init__.py", [str(HERE), f"{HERE}/vendor"]])
    same("a circle", [shop.left.NAME, shop.right.name()], ["left", "left"])
    same("find_spec", [importlib.util.find_spec("numpy"), importlib.util.find_spec("shop").name], [None, "shop"])
    fails("outside", lambda: open("/etc/passwd"), "and no others: '/etc/passwd'", FileNotFoundError)
    fails("above", lambda: open(HERE / "../../runner.toml"), "and no others: ", FileNotFoundError)
    fails("missing", lambda: open(HERE / "x.txt"), "there is no such file: ", FileNotFoundError)
    fails("writing", lambda: open(prices, "a"), "a migration writes no files but temporary ones", PermissionError)
    fails("removing", lambda: os.remove(prices), "a migration writes no files but temporary ones", PermissionError)
    fails("native", lambda: __import__("shop.native"), "shop/native.cpython-314-x86_64-linux-gnu.so` is compiled code", ImportError)
    fails("lxml", lambda: __import__("lxml"), "defusedxml", ImportError)


def local_times():
    zurich = ZoneInfo("Europe/Zurich")
    twice = [datetime.datetime(2026, 10, 25, 2, 30, tzinfo=zurich, fold=fold) for fold in (0, 1)]
    same("an ambiguous time", [when.utcoffset().seconds // 3600 for when in twice], [2, 1])
    skipped = datetime.datetime(2026, 3, 29, 2, 30, tzinfo=zurich)
    same("a skipped time", skipped.astimezone(datetime.UTC).astimezone(zurich).hour, 3)


def upgrade():
    for check in (refusals, in_memory, tasks, files, local_times):
        check()
    db.execute_all([f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, x TEXT)" for name in ("plain", "rolled")])
    db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO plain SELECT i, '' FROM n")
    db.transform(rolled, "plain", Target("rolled", "insert"))
    found = db.query("SELECT x, count(*) AS n FROM rolled GROUP BY x")
    same("chance", [len(found), found[0]["x"].split()[:2]], [1, [str(SALT), str(TOKEN)]])
    if failures:
        raise RunnerError(f"{len(failures)} checks failed", detail=" | ".join(failures))


def downgrade():
    db.execute_all(["DROP TABLE plain", "DROP TABLE rolled"])


def rolled(batch):
    # A module that is imported late draws the same in every instance, and a generator without a seed draws nothing.
    from shop.rolls import ROLL

    try:
        DICE.random()
    except RuntimeError:
        return batch.map_rows(lambda row: row.update(x=f"{SALT} {TOKEN} {ROLL} {random.Random(1).random()}"))
