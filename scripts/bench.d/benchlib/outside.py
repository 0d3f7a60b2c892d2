"""The programs that do the job of the part `code` outside of `runner`: how they are installed, and how they are started."""

import shutil
import subprocess
from pathlib import Path

from . import peers
from .core import HELPERS, PEERS, Failure, say

PROJECTS = HELPERS / "code"
SOURCES = PROJECTS / "peers"
PLACE = PEERS / "code"
RULES = "migrations/20260101000001_people/rules"
PYTHON = "3.13"

node = PLACE / "javascript" / "node_modules" / "node" / "bin" / "node"
python = PLACE / "venv" / "bin" / "python"
go = PLACE / "go" / "people"
rust = PLACE / "rust" / "release" / "people"


def install():
    """Installs what is missing, and builds the programs."""
    copy()
    if not node.exists():
        say("installing Node.js and pg")
        peers.run("npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", PLACE / "javascript")
    if not python.exists():
        say(f"installing psycopg for CPython {PYTHON}")
        peers.run(cpython(), "-m", "venv", PLACE / "venv")
        peers.run(python, "-m", "pip", "install", "--quiet", "-r", PLACE / "python" / "requirements.txt")
    say("building the programs in Go and Rust")
    (PLACE / "go").mkdir(exist_ok=True)
    peers.run("go", "build", "-C", SOURCES / "go", "-o", go, ".")
    manifest, target = SOURCES / "rust" / "Cargo.toml", PLACE / "rust"
    peers.run("cargo", "build", "--release", "--quiet", "--locked", "--manifest-path", manifest, "--target-dir", target)


def copy():
    """The scripts, with the rules of the migrations beside them: below the packages that they import."""
    for language, ending in (("javascript", "js"), ("python", "py")):
        shutil.copytree(SOURCES / language, PLACE / language, dirs_exist_ok=True)
        shutil.copy(PROJECTS / language / f"{RULES}.{ending}", PLACE / language)


def cpython():
    """CPython of the version that is measured: from PATH, or where pyenv installs it, whose command fails for other versions."""
    name = f"python{PYTHON}"
    for found in [shutil.which(name), *sorted(Path.home().glob(f".pyenv/versions/{PYTHON}.*/bin/{name}"))]:
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return found
    raise Failure(f"CPython {PYTHON} is needed: `{name}` is neither on PATH nor one of pyenv's")


def version(program):
    """What a program says of its version, without its name; nothing if it is not there."""
    if not program.exists():
        return ""
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()
    return said.removeprefix("Python ").removeprefix("v")


def missing(program):
    return "" if program.exists() else "not installed: `scripts/bench --setup`"
