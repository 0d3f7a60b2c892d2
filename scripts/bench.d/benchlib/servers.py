"""Private database servers with the distribution's settings, and the benchmark's table in them."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from .core import ROOT, Failure, complaint

# The input of every method, `t(id, name, bal)`, and the expected result.
NAME = "customer number "


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def program(name):
    """A server's program: from PATH, or where Debian installs those that are not on it."""
    # First those that Debian calls through a script of its own, which takes longer than `psql` itself.
    places = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), os.environ.get("PATH", ""), "/usr/sbin"]
    return shutil.which(name, path=os.pathsep.join(places))


def fetched(name):
    """The directory of the programs of a server that `scripts/engines` fetches, if it is there."""
    listed = subprocess.run([ROOT / "scripts" / "engines", "list", name], capture_output=True, text=True, check=True).stdout.split()
    return None if listed[-1] == "missing" else Path(listed[-1]).parent


class Server:
    """A server of the benchmark's own, in a temporary directory. Subclasses define how to run it and how to connect."""

    key = label = ""
    needs = ()

    def __init__(self, session):
        self.session = session
        self.missing = next((f"`{name}` is not installed: `scripts/setup`" for name in self.needs if not program(name)), "")
        self.port = free_port()
        # Not inside the repository: another user must be able to access it, and socket paths have a length limit.
        self.directory = Path(f"/tmp/runner-bench-{os.getpid()}-{self.key}")
        self.process = None

    def __enter__(self):
        if not self.missing:
            self.directory.mkdir()
            self.directory.chmod(0o777)
            self.start()
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def as_user(self, user, argv):
        """A server refuses to run as root."""
        return ["runuser", "-u", user, "--", *argv] if os.getuid() == 0 else argv

    def call(self, argv, what):
        log = self.directory / "call.log"
        with open(log, "wb") as out:
            if subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT).returncode:
                raise Failure(f"{what}: {complaint(log)}")
        return log.read_text().strip()

    def spawn(self, argv):
        with open(self.directory / "server.log", "ab") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        for _ in range(300):
            try:
                return self.sql("SELECT 1")
            except Failure:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise Failure(f"{self.label} does not start: {complaint(self.directory / 'server.log')}")

    def fresh(self, rows):
        """The database `job` with a table of that many rows, after all writes have been flushed."""
        base = f"base_{rows}"
        if base not in self.databases():
            self.make(base, rows)
        self.copy(base)
        os.sync()

    def check(self, rows, table="t"):
        right = self.sql(f"SELECT count(*) FROM {table} WHERE {self.right}", "job").splitlines()[-1]
        if int(right) != rows:
            raise Failure(f"only {right} of {rows} rows came out right")


class Postgres(Server):
    key, label, plain_label = "postgres", "PostgreSQL", "`psql -f`, all files in one process"
    needs = ("postgres", "initdb", "psql")
    update = "UPDATE t SET name = upper(name), bal = bal * 1.1"
    ctas = "CREATE TABLE u AS SELECT id, upper(name) AS name, bal * 1.1 AS bal FROM t"
    fill = "CREATE TABLE u (id BIGINT NOT NULL, name VARCHAR(100), bal DOUBLE PRECISION); INSERT INTO u SELECT id, upper(name), bal * 1.1 FROM t"
    touch = "UPDATE t SET name = name WHERE id = {} RETURNING 1;"
    right = f"name = upper('{NAME}' || id) AND bal = (id * 7919 % 1000003)::float8 / 100 * 1.1::float8"

    def start(self):
        data = self.directory / "data"
        initdb = [program("initdb"), "-D", str(data), "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        self.call(self.as_user("postgres", initdb), "initdb")
        options = ["-D", str(data), "-p", str(self.port), "-k", str(self.directory), "-h", "127.0.0.1"]
        self.spawn(self.as_user("postgres", [program("postgres"), *options]))

    def psql(self, statements, database):
        argv = [program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(database)]
        return argv + [part for statement in statements for part in ("-c", statement)]

    def session_of(self, database):
        """A client that reads statements from its input, and answers each at once."""
        return [program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(database)]

    def sql(self, statement, database="postgres"):
        return self.call(self.psql([statement], database), "psql")

    def in_transaction(self, statement):
        return self.psql(["BEGIN", statement, "COMMIT"], "job")

    def source(self, url, file):
        """The client, which runs a file of SQL."""
        return [program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", file]

    def url(self, database="job"):
        return f"postgres://bench@127.0.0.1:{self.port}/{database}"

    def version(self):
        return self.sql("SHOW server_version").split()[0]

    def databases(self):
        return self.sql("SELECT datname FROM pg_database").split()

    def empty(self):
        self.sql("DROP DATABASE IF EXISTS job WITH (FORCE)")
        self.sql("CREATE DATABASE job")

    def tables(self):
        return int(self.sql("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'table_%'", "job"))

    def make(self, name, rows):
        self.sql(f"CREATE DATABASE {name}")
        self.sql("CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, name text, bal float8)", name)
        values = f"SELECT i, '{NAME}' || i, (i * 7919 % 1000003)::float8 / 100 FROM generate_series(1::bigint, {rows}) i"
        self.sql(f"INSERT INTO t {values}", name)
        self.sql("VACUUM ANALYZE t", name)

    def copy(self, base):
        self.sql("DROP DATABASE IF EXISTS job WITH (FORCE)")
        self.sql(f"CREATE DATABASE job TEMPLATE {base} STRATEGY file_copy")
        self.sql("CHECKPOINT")


class Mariadb(Server):
    key, label, plain_label = "mariadb", "MariaDB", "`mariadb`, all files in one process"
    needs = ("mariadbd", "mariadb-install-db", "mariadb")
    update = "UPDATE t SET name = upper(name), bal = bal * 1.1e0"
    ctas = "CREATE TABLE u AS SELECT id, upper(name) AS name, bal * 1.1e0 AS bal FROM t"
    fill = "CREATE TABLE u (id BIGINT NOT NULL, name VARCHAR(100), bal DOUBLE PRECISION); INSERT INTO u SELECT id, upper(name), bal * 1.1e0 FROM t"
    touch = "UPDATE t SET name = name WHERE id = {}; SELECT 1;"
    right = f"name = BINARY upper(concat('{NAME}', id)) AND bal = CAST(id * 7919 % 1000003 AS DOUBLE) / 100e0 * 1.1e0"

    def start(self):
        data = self.directory / "data"
        user = ["--user=mysql"] if os.getuid() == 0 else []
        self.initialize(user, data)
        options = [f"--datadir={data}", f"--socket={self.directory}/socket", f"--port={self.port}", "--bind-address=127.0.0.1"]
        self.spawn([self.find(self.needs[0]), "--no-defaults", *user, *options])
        self.sql("CREATE USER bench@'%' IDENTIFIED BY 'bench'")
        self.sql("GRANT ALL ON *.* TO bench@'%' WITH GRANT OPTION")

    def find(self, name):
        return program(name)

    def initialize(self, user, data):
        install = [self.find("mariadb-install-db"), "--no-defaults", *user, f"--datadir={data}", "--skip-test-db"]
        self.call([*install, "--auth-root-authentication-method=normal"], "mariadb-install-db")

    def client(self, statement, database):
        return [self.find(self.needs[-1]), "--no-defaults", "-N", "-u", "root", "-S", f"{self.directory}/socket", "-D", database, "-e", statement]

    def session_of(self, database):
        return [*self.client("", database)[:-2], "--unbuffered"]

    def sql(self, statement, database="mysql"):
        return self.call(self.client(statement, database), self.needs[-1])

    def in_transaction(self, statement):
        return self.client(f"START TRANSACTION; {statement}; COMMIT", "job")

    def source(self, url, file):
        port = url.rsplit(":", 1)[1].split("/")[0]
        login = ["-h", "127.0.0.1", "-P", port, "-u", "bench", "-pbench"]
        return [self.find(self.needs[-1]), "--no-defaults", *login, "-D", "job", "-e", f"source {file}"]

    def url(self, database="job"):
        return f"mysql://bench:bench@127.0.0.1:{self.port}/{database}"

    def version(self):
        return self.sql("SELECT version()").split("-")[0]

    def databases(self):
        return self.sql("SHOW DATABASES").split()

    def empty(self):
        self.sql("DROP DATABASE IF EXISTS job")
        self.sql("CREATE DATABASE job")

    def tables(self):
        return int(self.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'job' AND table_name LIKE 'table%'"))

    def make(self, name, rows):
        self.sql(f"CREATE DATABASE {name}")
        self.sql("CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(100), bal DOUBLE)", name)
        values = f"SELECT seq, concat('{NAME}', seq), CAST(seq * 7919 % 1000003 AS DOUBLE) / 100e0 FROM seq_1_to_{rows}"
        if rows:
            self.sql(f"INSERT INTO t {values}", name)

    def copy(self, base):
        self.sql("DROP DATABASE IF EXISTS job")
        self.sql("CREATE DATABASE job")
        self.sql(f"CREATE TABLE t LIKE {base}.t", "job")
        self.sql(f"INSERT INTO t SELECT * FROM {base}.t", "job")
        self.sql("SET GLOBAL innodb_max_dirty_pages_pct = 0")
        for _ in range(100):
            dirty = self.sql("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'").split()[-1]
            if int(dirty) < 50:
                break
            time.sleep(0.1)
        self.sql("SET GLOBAL innodb_max_dirty_pages_pct = 90")


class FetchedMariadb(Mariadb):
    """A newer MariaDB than the system's."""

    engine = "mariadb-11.8"

    def __init__(self, session):
        super().__init__(session)
        self.key, self.programs = self.engine.replace(".", "_").replace("-", "_"), fetched(self.engine)
        self.missing = "" if self.programs else f"`{self.engine}` is not there: `scripts/engines fetch {self.engine}`"

    def find(self, name):
        return str(self.programs / name)


class Mysql(FetchedMariadb):
    """MySQL, with the same client commands and nearly the same SQL."""

    engine, label, needs = "mysql-9", "MySQL", ("mysqld", "mysql")
    right = Mariadb.right.replace("BINARY upper(", "upper(")

    def initialize(self, user, data):
        self.call([self.find("mysqld"), "--no-defaults", *user, f"--datadir={data}", "--initialize-insecure"], "mysqld")

    def client(self, statement, database):
        # It has no sequences.
        numbers = re.search(r"seq_1_to_(\d+)", statement)
        if numbers:
            select = "WITH RECURSIVE n AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM n WHERE seq < {0}) SELECT"
            statement = statement.replace("SELECT", select.format(numbers[1]), 1).replace(numbers[0], "n")
            statement = f"SET cte_max_recursion_depth = {numbers[1]}; {statement}"
        return super().client(statement, database)
