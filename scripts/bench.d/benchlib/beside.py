"""A stepwise transform of a table that an application is writing to: what each of them gets."""

import random
import subprocess
import threading
import time
from statistics import median

from .core import Failure, say
from .on_servers import runner
from .servers import Mariadb, Postgres

ROWS = 1_000_000
CLIENTS = 4
# What the clients, which are programs of their own, can do on two processors beside a transform.
PER_SECOND = 400
ALONE = 5

# Key, label, whether the application runs, and the options of `runner apply`; the first is the application alone.
WAYS = [
    ("alone", "the application alone", True, None),
    ("quiet", "`runner` alone", False, []),
    ("default", "both", True, []),
    ("timed", "both, `--chunk-time 20ms`", True, ["--chunk-time", "20ms"]),
    ("fixed", "both, `--chunk-rows 16384`", True, ["--chunk-rows", "16384"]),
]


def measure(session):
    servers = []
    for kind in (Postgres, Mariadb):
        with kind(session) as server:
            version = "" if server.missing else f" {server.version()}"
            found = {"server": server.label + version, "missing": server.missing, "ways": []}
            if not server.missing:
                say(f"  {server.label}:")
                found["ways"] = in_turns(session, server)
            servers.append(found)
    return {"servers": servers, "clients": CLIENTS, "per_second": PER_SECOND}


def in_turns(session, server):
    rows = [{"key": key, "label": label, "missing": "", "runs": []} for key, label, _, _ in WAYS]
    transform = runner(session, "beside", "", "stepwise", ROWS)
    if transform.missing:
        return [{**row, "missing": transform.missing} for row in rows]
    # The first run compiles the component, and is not counted.
    for turn in range(session.runs + 1):
        for row, (_, _, has_application, options) in zip(rows, WAYS):
            if row["missing"]:
                continue
            try:
                run = once(session, server, transform, has_application, options)
            except Failure as failure:
                session.fail(f"{server.key}_{row['key']}", failure)
                row["missing"] = f"failed: {failure}"
                continue
            if turn:
                row["runs"].append(run)
    for row in rows:
        if row["runs"]:
            row["median"] = {name: median(run[name] for run in row["runs"]) for name in row["runs"][0]}
            say(f"    {row['key']}: {row['median']}")
    return rows


def once(session, server, transform, has_application, options):
    server.fresh(ROWS)
    application = Application(server) if has_application else None
    began = time.monotonic()
    try:
        if options is None:
            time.sleep(ALONE)
        else:
            session.run([*transform.command(server.url()), *options])
    finally:
        took = time.monotonic() - began
        if application:
            application.stop()
    run = {"rows_per_second": 0 if options is None else ROWS / took}
    if application:
        run.update(application.found())
    if options is not None:
        server.check(ROWS)
    return run


class Application:
    """Clients that write rows at a steady pace; one that is late catches up, and each wait counts from when its write was due."""

    def __init__(self, server):
        self.waits, self.failure, self.is_over = [], "", threading.Event()
        self.threads = [threading.Thread(target=self.write, args=[server, number]) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def write(self, server, number):
        chance = random.Random(number)
        client = subprocess.Popen(server.session_of("job"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

        def answer(statements):
            client.stdin.write(f"{statements}\n")
            if not client.stdout.readline():
                raise OSError("a client of the application has ended")

        try:
            answer("SELECT 1;")
            due = time.monotonic()
            while not self.is_over.is_set():
                due += CLIENTS / PER_SECOND
                time.sleep(max(0, due - time.monotonic()))
                answer(server.touch.format(chance.randint(1, ROWS)))
                self.waits.append(time.monotonic() - due)
            client.stdin.close()
        except OSError as error:
            self.failure = str(error)
        client.wait()

    def stop(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def found(self):
        waits = sorted(self.waits)
        if self.failure or not waits:
            raise Failure(self.failure or "the application wrote nothing")
        at = lambda part: waits[min(len(waits) - 1, int(len(waits) * part))] * 1e3
        return {"writes": len(waits), "p50_ms": at(0.5), "p99_ms": at(0.99), "longest_ms": at(1)}
