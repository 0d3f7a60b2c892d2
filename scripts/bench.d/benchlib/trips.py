"""Trees of small SQL files on PostgreSQL and MariaDB, near and far, beside the server's own client program."""

import asyncio
import random
import socket
import threading
import time
from statistics import median

from .core import HELPERS, Failure, say
from .servers import Mariadb, Postgres

# As many files as a web application has after some years; the far server is as far as the next data centre.
FILES = 100
DELAYS_MS = (0, 2)


class Proxy:
    """Passes bytes on to a server, each way half of `delay` late, and counts how often a client speaks after its server."""

    def __init__(self, server, delay):
        self.server, self.delay, self.trips, self.port = server, delay / 2000, 0, 0
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()

    def serve(self, ready):
        asyncio.set_event_loop(self.loop)
        listening = self.loop.run_until_complete(asyncio.start_server(self.connect, "127.0.0.1", 0))
        self.port = listening.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()
        # What still waits for a piece ends here, while there is a loop to end it in.
        waiting = asyncio.all_tasks(self.loop)
        for task in waiting:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
        listening.close()
        self.loop.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def connect(self, from_client, to_client):
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server)
        for writer in (to_client, to_server):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answered = [True]

        def spoke():
            self.trips += answered[0]
            answered[0] = False

        def answer():
            answered[0] = True

        try:
            await asyncio.gather(self.pump(from_client, to_server, spoke), self.pump(from_server, to_client, answer))
        except asyncio.CancelledError:
            pass  # the proxy stops
        finally:
            to_client.close()
            to_server.close()

    async def pump(self, reader, writer, note):
        pieces = asyncio.Queue()
        passing = asyncio.ensure_future(self.hand_on(pieces, writer))
        try:
            while data := await reader.read(1 << 20):
                note()
                pieces.put_nowait((time.monotonic() + self.delay, data))
        except ConnectionError:
            pass
        pieces.put_nowait((0, b""))
        await passing

    @staticmethod
    async def hand_on(pieces, writer):
        try:
            while True:
                due, data = await pieces.get()
                if not data:
                    break
                if (wait := due - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()


def tree(directory):
    """Files like those of web applications: a table of a dozen columns, then columns, indexes and rows, one to three each."""
    migrations = directory / "migrations"
    if not migrations.exists():
        migrations.mkdir(parents=True)
        (directory / "runner.toml").write_text((HELPERS / "project" / "runner.toml").read_text())
        for i, statements in enumerate(files(), 1):
            (migrations / f"{i:04}_step.up.sql").write_text(";\n\n".join(statements) + ";\n")
    return sorted(migrations.iterdir())


def files():
    pick = random.Random(1)
    tables = 0
    for i in range(FILES):
        if i % 3 == 0:
            tables += 1
            columns = ",\n".join(f"    column_{n} VARCHAR({pick.choice((36, 255))}) NOT NULL DEFAULT 'a value'" for n in range(12))
            yield [f"CREATE TABLE table_{tables} (\n    id INTEGER NOT NULL PRIMARY KEY,\n{columns}\n)"]
            continue
        table = f"table_{pick.randint(1, tables)}"
        one = [
            f"ALTER TABLE {table} ADD COLUMN added_{i} VARCHAR(40)",
            f"CREATE INDEX index_{i} ON {table} (column_{pick.randint(0, 11)}, id)",
            f"INSERT INTO {table} (id, column_0) VALUES ({i}, 'it''s a row')",
        ]
        yield pick.sample(one, pick.choice((1, 1, 2, 3)))


def measure(session):
    return {"servers": [result for kind in (Postgres, Mariadb) if (result := on(session, kind))], "files": FILES, "statements": sum(map(len, files()))}


def on(session, kind):
    with kind(session) as server:
        if server.missing:
            say(f"  {server.key}: not measured: {server.missing}")
            return {"label": server.label, "missing": server.missing}
        directory = session.work / "trips"
        paths = tree(directory)
        calls = {
            "runner": lambda url: [session.runner, "apply", "-D", url, "-c", directory / "runner.toml"],
            "client": lambda url: plain(server, url, paths, directory),
        }
        rows = []
        for delay in DELAYS_MS:
            for key, command in calls.items():
                row = {"key": key, "label": "`runner apply`" if key == "runner" else server.plain_label, "delay_ms": delay}
                row["seconds"] = [once(session, server, command, delay, row) for _ in range(session.runs + 1)][1:]
                row["median"] = median(row["seconds"])
                say(f"  {server.key}, {delay} ms: {key}: {row['median']:.3f} s, {row['trips']} round trips")
                rows.append(row)
        return {"label": f"{server.label} {server.version()}", "missing": "", "rows": rows}


def plain(server, url, paths, directory):
    """The client program, with all files in one process."""
    whole = directory / "whole.sql"
    whole.write_text("".join(path.read_text() for path in paths))
    return server.source(url, whole)


def once(session, server, command, delay, row):
    server.empty()
    proxy = Proxy(server.port, delay)
    try:
        took = session.run(command(server.url().replace(f":{server.port}/", f":{proxy.port}/")))
    finally:
        proxy.stop()
    row["trips"] = proxy.trips
    if server.tables() < FILES // 3:
        raise Failure(f"{row['label']}: {server.tables()} tables were made")
    return took.wall
