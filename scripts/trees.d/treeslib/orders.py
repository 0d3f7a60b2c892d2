"""What each tool makes of its directory: which SQL runs, in which order, with or without a transaction.

Written from the tools' own rules, and independent of runner: this is what runner is compared with.
"""

import dataclasses
import re


@dataclasses.dataclass
class Step:
    """A migration as its tool runs it."""

    name: str
    up: str
    down: str = None
    up_in_transaction: bool = False
    down_in_transaction: bool = False


# What the tools call the engines in file names.
POPX = {"sqlite": ("sqlite3", "sqlite"), "postgres": ("postgres",), "mariadb": ("mysql",)}


def steps(case):
    return {
        "diesel": diesel,
        "migrate": migrate,
        "goose": goose,
        "prisma": prisma,
        "sqlx": sqlx,
        "flyway": flyway,
        "popx": popx,
        "drizzle": drizzle,
        "plain": plain,
    }[case.tool](case)


def text(path):
    return path.read_text(encoding="utf-8-sig") if path and path.exists() else None


def diesel(case):
    found = {}
    for directory in case.files.iterdir():
        if (directory / "up.sql").exists():
            found[directory.name.split("_")[0].replace("-", "")] = directory
    for _, directory in sorted(found.items()):
        whole = "run_in_transaction = false" not in (text(directory / "metadata.toml") or "")
        yield Step(directory.name, text(directory / "up.sql"), text(directory / "down.sql"), whole, whole)


def numbered(case, pattern, order=int):
    """Files by their number, and then by name: several may share one."""
    found = []
    for path in case.files.iterdir():
        match = re.fullmatch(pattern, path.name)
        if match:
            found.append((order(match[1]), path.name, path, match))
    return sorted(found, key=lambda it: it[:2])


def migrate(case):
    """golang-migrate, and tools with the same names: `1_x.up.sql`, `V0001.x.up.sql`, `1_x_up.sql`."""
    downs = {}
    for _, name, path, match in numbered(case, r"V?(\d+)[_.](.*)[._]down\.(.*)"):
        downs[match[1], match[2]] = downs[match[1]] = path
    for _, name, path, match in numbered(case, r"V?(\d+)[_.](.*)[._]up\.(.*)"):
        # The names may differ.
        yield Step(name, text(path), text(downs.get((match[1], match[2]), downs.get(match[1]))))


def goose(case):
    for _, name, path, _ in numbered(case, r"(\d+)_.*\.sql"):
        up, down, current = [], [], None
        whole = True
        for line in text(path).splitlines(keepends=True):
            words = line.split()
            if words[:2] == ["--", "+goose"]:
                command = " ".join(words[2:]).lower()
                mysql = {"statementbegin": "DELIMITER $$$\n", "statementend": "$$$\nDELIMITER ;\n"}
                if case.engine == "mariadb" and command in mysql and current is not None:
                    current.append(mysql[command])
                whole = whole and command != "no transaction"
                current = {"up": up, "down": down}.get(command, current)
                continue
            if current is not None:
                current.append(line)
        yield Step(name, "".join(up), "".join(down), whole, whole)


def prisma(case):
    for directory in sorted(case.files.iterdir()):
        if (directory / "migration.sql").exists():
            yield Step(directory.name, text(directory / "migration.sql"))


def sqlx(case):
    downs = {match[1]: path for _, _, path, match in numbered(case, r"(\d+)_.*\.down\.sql")}
    for _, name, path, match in numbered(case, r"(\d+)_(?!.*\.down\.sql$).*\.sql"):
        up, down = text(path), text(downs.get(match[1]))
        yield Step(name, up, down, *(not (it or "").startswith("-- no-transaction") for it in (up, down)))


def flyway(case):
    version = lambda digits: tuple(int(part) for part in re.split("[._]", digits))  # noqa: E731
    for _, name, path, _ in numbered(case, r"V([\d._]+)__.*\.sql", version):
        yield Step(name, text(path), None, True)


def popx(case):
    pattern = re.compile(r"(\d+)_([^.]+)(\.(?!autocommit)[a-z0-9]+)?(\.autocommit)?\.(up|down)\.sql")
    found = {}
    for path in case.files.iterdir():
        match = pattern.fullmatch(path.name)
        if not match:
            continue
        dialect = (match[3] or "")[1:]
        if dialect and dialect not in POPX[case.engine]:
            continue
        pair = found.setdefault(match[1], {})
        # SQL for the dialect takes precedence over SQL for all.
        if match[5] not in pair or dialect:
            pair[match[5]] = (path, not match[4])
    for version, pair in sorted(found.items()):
        if "up" in pair:
            (up, up_whole), (down, down_whole) = pair["up"], pair.get("down", (None, True))
            yield Step(up.name, text(up), text(down), up_whole, down_whole)


def drizzle(case):
    for _, name, path, _ in numbered(case, r"(\d+)_.*\.sql"):
        yield Step(name, text(path).replace("--> statement-breakpoint", ""), None, True)


def plain(case):
    for _, name, path, _ in numbered(case, r"(\d+)[-_].*\.sql"):
        # postgres-migrations.
        yield Step(name, text(path), None, "disable-transaction" not in text(path).split("\n")[0])
