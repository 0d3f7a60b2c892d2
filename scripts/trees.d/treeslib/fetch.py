"""The list of trees, and their files at the pinned commits."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path


@dataclasses.dataclass
class Case:
    """The migrations of one project for one engine."""

    name: str
    repository: str
    commit: str
    tool: str
    engine: str
    source: str
    # The project itself does not enforce foreign keys while it migrates.
    without_keys: bool
    files: Path = None

    @property
    def key(self):
        return f"{self.name}:{self.engine}"


def cases(listing, args):
    found = []
    for line in listing.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, repository, commit, tool, places = (part.strip() for part in line.split("|"))
        for place in places.split():
            engine, source = place.split("=")
            case = Case(name, repository, commit, tool, engine, source.rstrip("!"), source.endswith("!"))
            wanted = not args.names or name in args.names or case.key in args.names
            if wanted and args.engine in (None, engine):
                found.append(case)
    if not found:
        sys.exit("trees: error: no such tree")
    return found


def git(directory, *arguments, **options):
    return subprocess.run(["git", f"--git-dir={directory}", *arguments], check=True, **options)


def git_directory(case, args):
    """A git directory that has the commit."""
    if args.mirror:
        base = args.mirror / case.repository.replace("/", "+")
        for place in (base, base / "repo"):
            if (place / "HEAD").exists():
                return place
    place = args.dir / "git" / case.repository.replace("/", "+")
    if not (place / "HEAD").exists():
        subprocess.run(["git", "init", "--quiet", "--bare", str(place)], check=True)
    has = subprocess.run(["git", f"--git-dir={place}", "cat-file", "-e", case.commit], capture_output=True)
    if has.returncode:
        url = f"https://github.com/{case.repository}"
        git(place, "fetch", "--quiet", "--depth=1", "--filter=blob:none", url, case.commit)
        # The missing files of a partial clone come from here.
        git(place, "config", "remote.origin.url", url)
        git(place, "config", "remote.origin.promisor", "true")
    return place


def unpack(case, args):
    """Unpacks the directory of the migrations, unless it is there."""
    case.files = args.dir / "files" / case.name / case.engine
    mark = case.files.with_suffix(".commit")
    if mark.exists() and mark.read_text() == f"{case.commit} {case.source}":
        return
    shutil.rmtree(case.files, ignore_errors=True)
    partial = case.files.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    archive = git(git_directory(case, args), "archive", case.commit, case.source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    subprocess.run(["tar", "-x", "-C", str(partial)], input=archive.stdout, check=True)
    (partial / case.source).rename(case.files)
    shutil.rmtree(partial)
    mark.write_text(f"{case.commit} {case.source}")
