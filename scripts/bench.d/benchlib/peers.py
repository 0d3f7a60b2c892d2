"""The tools that runner is compared with: their versions, installation and paths."""

import re
import shutil
import subprocess
import venv

from .core import PEERS, Failure, say

ALEMBIC = "1.20.1"
SQLALCHEMY = "2.1.9"
DBMATE = "2.36.0"
SQLX = "0.9.0"
REFINERY = "0.10.0"
PSYCOPG = "3.3.9"
PYMYSQL = "1.2.4"
MYSQLCLIENT = "2.3.1"

alembic = PEERS / "venv" / "bin" / "alembic"
python = PEERS / "venv" / "bin" / "python"
sqlx = PEERS / "sqlx-cli" / "bin" / "sqlx"
refinery = PEERS / "refinery" / "bin" / "refinery"


def dbmate():
    """The program itself: the npm package's own command is a Node script that costs 80 ms per start."""
    found = sorted((PEERS / "dbmate" / "node_modules" / "@dbmate").glob("*/bin/dbmate*"))
    return found[0] if found else PEERS / "dbmate" / "missing"


def install():
    """Installs what is missing."""
    PEERS.mkdir(parents=True, exist_ok=True)
    if not alembic.exists():
        say("installing Alembic")
        venv.create(PEERS / "venv", with_pip=True)
        run(python, "-m", "pip", "install", "--quiet", f"alembic=={ALEMBIC}", f"sqlalchemy=={SQLALCHEMY}")
    if not list((PEERS / "venv").glob("lib/*/site-packages/MySQLdb")):
        say("installing the drivers for PostgreSQL and MySQL")
        # mysqlclient is C code against the server's client library (Debian: libmariadb-dev).
        drivers = [f"psycopg[binary]=={PSYCOPG}", f"pymysql=={PYMYSQL}", f"mysqlclient=={MYSQLCLIENT}"]
        run(python, "-m", "pip", "install", "--quiet", *drivers)
    if not dbmate().exists():
        say("installing dbmate")
        (PEERS / "dbmate").mkdir(exist_ok=True)
        run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", PEERS / "dbmate", f"dbmate@{DBMATE}")
    _cargo_install("sqlx-cli", SQLX, "sqlite,postgres", sqlx)
    _cargo_install("refinery_cli", REFINERY, "sqlite-bundled", refinery)


def _cargo_install(package, version, features, binary):
    if not binary.exists():
        say(f"installing {package}: takes minutes")
        root = binary.parent.parent
        features = ["--no-default-features", "--features", features]
        run("nice", "-n", "10", "cargo", "install", "--quiet", "--locked", "--root", root, *features, f"{package}@{version}")


def run(*argv):
    argv = [str(a) for a in argv]
    if not shutil.which(argv[0]):
        raise Failure(f"{argv[0]} is needed to install a peer")
    if subprocess.run(argv, cwd=PEERS).returncode:
        raise Failure(f"could not install: {' '.join(argv[-2:])}")


def sqlite_of(binary):
    """The SQLite version compiled into a program, or '' if it cannot be determined."""
    found = set(re.findall(rb"(?<![\d.])3\.[3-9]\d\.\d{1,2}(?![\d.])", binary.read_bytes()))
    return found.pop().decode() if len(found) == 1 else ""
