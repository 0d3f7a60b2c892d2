"""Results as JSON and as Markdown tables."""

import json

from .core import ROOT, Failure, say, shown

DOCS = ROOT / "docs" / "results" / "benchmarks.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
SCHEMA = 1


def load(file):
    try:
        return json.loads(file.read_text())["sections"]
    except FileNotFoundError:
        return {}


def save(file, sections):
    file.write_text(json.dumps({"schema": SCHEMA, "sections": sections}, indent=1) + "\n")


def write_docs(sections):
    text = DOCS.read_text()
    if not sections or BEGIN not in text or END not in text:
        raise Failure(f"{shown(DOCS)} has no place for tables, or there are no results")
    before, _, rest = text.partition(BEGIN)
    tables, _, after = rest.partition(END)
    # Keep the tables that were not measured in this sitting.
    parts = {part.partition("\n")[0]: part for part in ("\n" + tables.strip()).split("\n### ")[1:]}
    for part in render(sections).removeprefix("### ").split("\n### "):
        parts[part.partition("\n")[0]] = part
    tables = "\n\n".join("### " + part.strip() for part in parts.values())
    DOCS.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}")
    say(f"wrote {shown(DOCS)}")


def render(sections):
    parts = [PARTS[name](section) for name, section in sections.items()]
    return "\n\n".join(parts)


def heading(title, section):
    m = section["machine"]
    taken = f"{section['date']}; {m['cores']} cores ({m['cpu']}), {m['memory_gib']} GiB, {m['file_system']}, {m['system']}"
    loads = f"load {section['load_before']} before, {section['load_after']} after"
    runs = "one run" if section["runs"] == 1 else f"medians of {section['runs']} runs"
    return f"### {title}\n\n{taken}; {runs}; {loads}."


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def absent(row, columns):
    return [row["label"], f"not measured: {row['missing']}"] + [""] * (columns - 2)


def spread(seconds):
    return f"{min(seconds):.2f}–{max(seconds):.2f}" if len(seconds) > 1 else ""


def times(value, reference):
    return f"{value / reference:.2f}" if reference else ""


def syncs(value):
    return "?" if value is None else value


# ---- one function per section of the report ----


def transform(section):
    measured = {w["key"]: w["us_per_row"] for w in section["ways"] if not w["missing"]}
    update, runner = measured.get("sql_update"), measured.get("runner")
    head = ["way", "rows", "whole run, s", "min–max, s", "CPU, s", "start-up, s", "µs per row", "× SQL `UPDATE`", "× `runner`", "journal", "syncs"]
    rows = []
    for w in section["ways"]:
        if w["missing"]:
            rows.append(absent(w, len(head)))
            continue
        us = w["us_per_row"]
        whole = [f"{w['seconds_median']:.2f}", spread(w["seconds"]), f"{w['cpu_median']:.2f}", f"{w['startup_median']:.2f}"]
        ratios = [times(us, update), times(us, runner)]
        rows.append([w["label"], f"{w['rows']:,}", *whole, f"{us:.3f}", *ratios, w["journal"], syncs(w["syncs"])])
    return heading("Transform of 1,000,000 rows", section) + "\n\n" + table(head, rows)


def migrations(section):
    head = ["tool", "SQLite", "its own file, s", "min–max, s", "CPU, s", "journal it makes", "rollback file, s", "WAL file, s", "syncs: own / rollback / WAL"]
    rows, notes = [], []
    for t in section["tools"]:
        if t["missing"]:
            rows.append(absent(t, len(head)))
            continue
        m, s = t["medians"], t["syncs"]
        cells = [f"{m['own']:.2f}", spread(t["seconds"]["own"]), f"{t['cpu_median']:.2f}", t["journals"]["own"], f"{m['rollback']:.2f}", f"{m['WAL']:.2f}"]
        rows.append([t["label"], t["sqlite"] or "?", *cells, f"{syncs(s['own'])} / {syncs(s['rollback'])} / {syncs(s['WAL'])}"])
        for file in ("rollback", "WAL"):
            if t["journals"][file] != file:
                notes.append(f"\n\n{t['label']} turns a {file} file into a {t['journals'][file]} one.")
        if t["key"] == "runner_components":
            notes.append(f"\n\nThe components' first run, with an empty compile cache, took {t['first_seconds']:.2f} s.")
    return heading("1,000 migrations into a fresh file", section) + "\n\n" + table(head, rows) + "".join(notes)


def status(section):
    head = ["whole process, 1,000 applied", "median, ms", "min–max, ms"]
    rows = []
    for c in section["calls"]:
        if c.get("missing"):
            rows.append(absent(c, len(head)))
        else:
            ms = [s * 1e3 for s in c["seconds"]]
            rows.append([c["label"], f"{c['median_ms']:.1f}", f"{min(ms):.1f}–{max(ms):.1f}"])
    return heading("Status of 1,000 applied migrations", section) + "\n\n" + table(head, rows)


def memory(section):
    sizes = section["sizes"]
    head = ["peak memory, MiB"] + [f"{size:,} rows" for size in sizes]
    rows = []
    for w in section["ways"]:
        if w["missing"]:
            rows.append(absent(w, len(head)))
        else:
            rows.append([w["label"]] + [f"{w['kib'][str(size)] / 1024:.1f}" for size in sizes])
    files = [[f["file"], f"{f['bytes']:,}" if "bytes" in f else f"not measured: {f['missing']}"] for f in section["files"]]
    section = {**section, "runs": 1}
    return "\n\n".join([heading("Memory and sizes", section), table(head, rows), table(["file", "bytes"], files)])


def on_server(section):
    head = ["way", "rows", "whole run, s", "min–max, s", "CPU, s", "start-up, s", "µs per row", "× SQL", "× `runner`"]
    name = section["server"].partition(" ")[0]
    parts = [heading(f"{name}: a transform of 1,000,000 rows", section), f"{section['server']}.", ways(head, section["transform"], "sql_update", "runner")]
    parts += ["Into a new table:", ways(head, section["insert"], "insert_select", "insert_runner")]
    calls = section.get("status", [])
    if calls:
        lines = []
        for call in calls:
            if call["missing"]:
                lines.append(absent(call, 3))
            else:
                ms = [s * 1e3 for s in call["seconds"]]
                lines.append([call["label"], f"{call['median_ms']:.1f}", f"{min(ms):.1f}–{max(ms):.1f}"])
        parts.append(table(["whole process, 1,000 applied", "median, ms", "min–max, ms"], lines))
    memory = section["memory"]
    if memory["missing"]:
        parts.append(f"Peak memory: not measured: {memory['missing']}.")
    else:
        head = ["peak memory, MiB"] + [f"{size:,} rows" for size in memory["sizes"]]
        cells = [f"{memory['kib'][str(size)] / 1024:.1f}" for size in memory["sizes"]]
        parts.append(table(head, [[memory["label"], *cells]]))
    return "\n\n".join(parts)


def mysql(section):
    head = ["way", "rows", "whole run, s", "min–max, s", "CPU, s", "start-up, s", "µs per row", "× SQL", "× `runner`"]
    parts = [heading("MySQL beside MariaDB: a transform of 1,000,000 rows", section)]
    for server in section["servers"]:
        parts += [f"{server['server']}:", ways(head, server["transform"], "sql_update", "runner")]
    return "\n\n".join(parts)


def stepwise(section):
    head = ["way", "rows", "whole run, s", "min–max, s", "CPU, s", "start-up, s", "µs per row", "× SQL `UPDATE`", "× atomic"]
    parts = [heading("Stepwise: chunks that commit, and journals", section)]
    for name, key in [("SQLite, WAL", "sqlite"), ("SQLite, rollback journal", "rollback"), (section["server"], "postgres")]:
        parts += [f"{name}:", ways(head, section[key], f"{key}_update", f"{key}_atomic")]
    counted = [f"{name} {way['syncs']}" for name, key in [("WAL", "sqlite"), ("rollback", "rollback")]
               for way in section[key] if way["key"] == f"{key}_stepwise" and way.get("syncs") is not None]
    if counted:
        parts.append(f"Syncs of the stepwise runs on SQLite: {', '.join(counted)}.")
    parts.append("One run of each, the transform by rows and the journal by steps:")
    parts.append(by_size("peak memory, MiB; whole run, s", section["rows"], [(size, "rows") for size in section["sizes"]]))
    steps = sorted({int(size) for row in section["steps"] for size in row["peaks"]})
    parts.append(by_size("peak memory, MiB; whole run, s", section["steps"], [(size, "steps") for size in steps]))
    return "\n\n".join(parts)


def by_size(what, found, sizes):
    head = [what] + [f"{size:,} {unit}" for size, unit in sizes]
    rows = []
    for row in found:
        if row["missing"]:
            rows.append(absent(row, len(head)))
            continue
        peaks = [row["peaks"][str(size)] for size, _ in sizes]
        rows.append([row["label"]] + [f"{peak['kib'] / 1024:.1f}; {peak['wall']:.2f}" for peak in peaks])
    return table(head, rows)


def ways(head, found, of_database, of_runner):
    """The methods in a table, relative to the database's own and to `runner`."""
    measured = {way["key"]: way["us_per_row"] for way in found if not way["missing"]}
    sql, own = measured.get(of_database), measured.get(of_runner)
    rows = []
    for way in found:
        if way["missing"]:
            rows.append(absent(way, len(head)))
            continue
        us = way["us_per_row"]
        whole = [f"{way['seconds_median']:.2f}", spread(way["seconds"]), f"{way['cpu_median']:.2f}", f"{way['startup_median']:.2f}"]
        rows.append([way["label"], f"{way['rows']:,}", *whole, f"{us:.3f}", times(us, sql), times(us, own)])
    return table(head, rows)


def trips(section):
    head = ["way", "added delay, ms", "whole run, s", "min–max, s", "× the client", "round trips", "per file"]
    parts = []
    for server in section["servers"]:
        rows = []
        plain = {row["delay_ms"]: row["median"] for row in server.get("rows", []) if row["key"] == "client"}
        for row in server.get("rows", []):
            ratio = times(row["median"], plain.get(row["delay_ms"]))
            each = f"{row['trips'] / section['files']:.2f}"
            rows.append([row["label"], row["delay_ms"], f"{row['median']:.3f}", spread(row["seconds"]), ratio, row["trips"], each])
        if server["missing"]:
            rows.append(absent(server, len(head)))
        parts.append(f"{server['label']}:\n\n" + table(head, rows))
    title = heading("Small SQL files on servers, near and far", section)
    return f"{title}\n\n{section['files']} files with {section['statements']} statements.\n\n" + "\n\n".join(parts)


def files(section):
    parts = [heading("Rows in SQL files, large files, dry runs and chunks", section),
             "Single-row `INSERT`s, and the `CREATE TABLE`, in one file:"]
    head = ["database", "rows", "added delay, ms", "`runner apply`, s", "min–max, s", "client, one transaction, s", "min–max, s", "× the client"]
    lines = []
    for place in section["rows"]:
        if place["missing"]:
            lines.append(absent(place, len(head)))
        for own, client in zip(place["ways"][::2], place["ways"][1::2]):
            cells = [cell for way in (own, client) for cell in (f"{way['median']:.2f}", spread(way["seconds"]))]
            lines.append([place["label"], f"{own['rows']:,}", own["delay_ms"], *cells, times(own["median"], client["median"])])
    parts.append(table(head, lines))
    for found in section.get("large", {}).get("ways", []):
        after = found["after"]
        head = [f"PostgreSQL, one run of a file of {found['bytes'] / 1e6:,.0f} MB", "seconds", "peak, MiB"]
        parts.append(table(head, [
            ["`runner apply`", f"{found['apply']:.1f}", f"{found['kib'] / 1024:.0f}"],
            [f"`psql`, one transaction (`runner`: {times(found['apply'], found['client'])} ×)", f"{found['client']:.1f}", ""],
            ["`status` behind it", f"{after['status']:.3f}", f"{after['status_kib'] / 1024:.0f}"],
            ["`apply` with nothing to do", f"{after['apply']:.3f}", f"{after['apply_kib'] / 1024:.0f}"],
        ]))
    if dry := section["dry"]["ways"]:
        head = ["PostgreSQL, one run of each"] + [f"{found['count']:,} files" for found in dry]
        parts.append(table(head, [
            ["`apply --dry-run`, s"] + [f"{found['dry']:.2f}" for found in dry],
            ["`apply`, s"] + [f"{found['apply']:.2f}" for found in dry],
            ["× `apply`"] + [times(found["dry"], found["apply"]) for found in dry],
        ]))
    parts.append("Rows per second of the stepwise transform, by the size of its chunks, and × that of the default size:")
    sizes = list(dict.fromkeys(way["size"] for place in section["chunks"] for way in place["ways"]))
    head = ["database"] + [f"{size:,} rows" if size else "default" for size in sizes]
    lines = []
    for place in section["chunks"]:
        if place["missing"]:
            lines.append(absent(place, len(head)))
        for jobs in dict.fromkeys(way["jobs"] for way in place["ways"]):
            speeds = [way["rows_per_second"] for way in place["ways"] if way["jobs"] == jobs]
            label = place["label"] + (f", `--jobs {jobs}`" if jobs else "")
            lines.append([label] + [f"{speed:,.0f} ({times(speed, speeds[0])})" for speed in speeds])
    parts.append(table(head, lines))
    return "\n\n".join(parts)


def beside(section):
    head = ["way", "rows per second", "× alone", "writes", "median, ms", "99 %, ms", "longest, ms"]
    parts = [heading("A transform beside an application", section),
             f"{section['clients']} clients, {section['per_second']:,} writes a second. Medians of the runs."]
    for server in section["servers"]:
        rows = []
        alone = next((way["median"]["rows_per_second"] for way in server["ways"] if way["key"] == "quiet" and way["runs"]), None)
        for way in server["ways"]:
            if way["missing"]:
                rows.append(absent(way, len(head)))
                continue
            found = way["median"]
            speed = found["rows_per_second"]
            rows.append([way["label"], f"{speed:,.0f}" if speed else "", f"{speed / alone:.2f}" if speed and alone else "",
                         f"{found['writes']:,.0f}" if "writes" in found else ""]
                        + [f"{found[name]:.1f}" if name in found else "" for name in ("p50_ms", "p99_ms", "longest_ms")])
        parts += [f"{server['server']}:", table(head, rows) if rows else f"Not measured: {server['missing']}."]
    return "\n\n".join(parts)


def code(section):
    head = ["way", "rows/s", "whole run, s", "min–max, s", "CPU, s", "start-up, s", "`runner` ÷ it"]
    parts = [heading(f"Code as people write it: {section['rows']:,} rows", section)]
    for place in section["places"]:
        own = {language(way): way["seconds_median"] for way in place["ways"] if way["key"].endswith("_runner") and not way["missing"]}
        rows = []
        for way in place["ways"]:
            if way["missing"]:
                rows.append(absent(way, len(head)))
                continue
            seconds, ours = way["seconds_median"], own.get(language(way))
            ratio = "" if way["key"].endswith("_runner") or not ours else times(ours, seconds)
            rows.append([way["label"], f"{way['rows'] / seconds:,.0f}", f"{seconds:.2f}", spread(way["seconds"]), f"{way['cpu_median']:.2f}",
                         f"{way['startup_median']:.2f}", ratio])
        parts += [f"{place['label']}:", table(head, rows)]
    return "\n\n".join(parts)


def language(way):
    return way["key"].partition("_")[0]


def fleet(section):
    ways, files = section["ways"], section["files"]
    measured = {way["key"]: way["median"] for way in ways if not way["missing"]}
    head = ["way", "whole run, s", "min–max, s", "CPU, s", "ms per database", "× `--all`"]
    rows = []
    for way in ways:
        if way["missing"]:
            rows.append(absent(way, len(head)))
            continue
        each = f"{way['median'] * 1e3 / section['tenants']:.1f}"
        ratio = times(way["median"], measured.get("fleet"))
        rows.append([way["label"], f"{way['median']:.2f}", spread(way["seconds"]), f"{way['cpu_median']:.2f}", each, ratio])
    title = heading(f"{section['tenants']} databases of one project", section)
    parts = [title, f"SQLite files in WAL mode, {files} migrations each.", table(head, rows)]
    if many := section.get("many"):
        again = section["again"]["seconds"]
        parts.append(
            f"One run with {many['tenants']:,} databases: {many['seconds']:.2f} s; again, with nothing to do: {again:.2f} s."
        )
    return "\n\n".join(parts)


def languages(section):
    found = section["ways"]
    measured = {way["key"]: way["seconds_median"] for way in found if not way["missing"]}
    rust, floor = measured.get("rust"), next((way for way in found if way["key"] == "sql"), {}).get("startup_median")
    head = ["language", "rows/s", "whole run, s", "min–max, s", "× Rust", "CPU, s", "artifact, KB", "runtime, KB", "cold, s", "start, ms",
            "… above SQL's, ms", "second, ms", "… above SQL's, ms", "peak, MiB"]
    rows = []
    second_floor = next((way for way in found if way["key"] == "sql"), {}).get("second_median")
    for way in found:
        if way["missing"]:
            rows.append(absent(way, len(head)))
            continue
        seconds, start = way["seconds_median"], way["startup_median"] * 1e3
        sizes = [f"{way[file] / 1e3:,.1f}" if way.get(file) else "" for file in ("artifact", "runtime")]
        above = f"{start - floor * 1e3:.1f}" if floor and way["key"] != "sql" else ""
        second = way.get("second_median")
        seconds_above = [f"{second * 1e3:.1f}" if second else "",
                         f"{(second - second_floor) * 1e3:.1f}" if second and second_floor and way["key"] != "sql" else ""]
        cold, peak = (f"{way['cold']:.2f}" if "cold" in way else ""), (f"{way['kib'] / 1024:.1f}" if "kib" in way else "")
        speed = f"{way['rows'] / seconds:,.0f}"
        rows.append([way["label"], speed, f"{seconds:.2f}", spread(way["seconds"]), times(seconds, rust), f"{way['cpu_median']:.2f}", *sizes,
                     cold, f"{start:.1f}", above, *seconds_above, peak])
    return heading("The transform in each language", section) + "\n\n" + table(head, rows)


PARTS = {
    "transform": transform,
    "migrations": migrations,
    "status": status,
    "memory": memory,
    "postgres": on_server,
    "mariadb": on_server,
    "mysql": mysql,
    "stepwise": stepwise,
    "beside": beside,
    "fleet": fleet,
    "files": files,
    "trips": trips,
    "languages": languages,
    "code": code,
}
