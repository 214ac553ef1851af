"""Runs ums-join over random streams and holds its results, applied by key as a sink applies them, against
DuckDB's over the whole input. Prints the seed of each case that differs; ends with 1 if one did.

A stream is what a small database would log: inserts, updates and deletes of two tables, with times out of
order, NULLs, rows that are delivered again, messages of random length and markers at random places."""

import argparse
import datetime
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import duckdb

START = datetime.datetime(2026, 11, 21)
SYSTEM = [("_ums_id_", "long"), ("_ums_ts_", "datetime"), ("_ums_op_", "string"), ("_ums_uid_", "string")]
TABLES = {
    "orders": [("id", "long"), ("city", "string"), ("amount", "decimal"), ("weight", "double"), ("made", "datetime"),
               ("customer", "int")],
    "payments": [("no", "long"), ("customer_id", "long"), ("paid", "decimal"), ("note", "string")],
}
TYPES = {"long": "BIGINT", "int": "BIGINT", "decimal": "DECIMAL(18,2)", "double": "DOUBLE", "datetime": "TIMESTAMP",
         "string": "VARCHAR"}
MARKER = [("_ums_id_", "long"), ("_ums_ts_", "datetime"), ("file", "string"), ("pos", "long"), ("gtid", "string"),
          ("server", "string"), ("base", "long")]
# As little memory as a run can have, so that most of its state is on disk.
SMALL = ["--memory", "64KiB"]


def text(micros):
    return (START + datetime.timedelta(microseconds=micros)).strftime("%Y-%m-%d %H:%M:%S.%f")


def line(kind, namespace, keys, fields, rows):
    schema = {"namespace": namespace, "batchId": 0, "keys": keys,
              "fields": [{"name": n, "type": t, "nullable": True, "encoded": False} for n, t in fields]}
    return json.dumps({"protocol": {"type": kind, "version": "1.3"}, "schema": schema,
                       "payload": [{"tuple": row} for row in rows]}, separators=(",", ":"))


def cell(value, kind):
    if value is None or kind in ("int", "double"):
        return value
    return value if isinstance(value, str) else str(value)


class Source:
    """A source with both tables, or one of them, and its log."""

    def __init__(self, rng, name, tables, disorder, count, partial=False):
        self.rng, self.name, self.tables, self.disorder = rng, name, tables, disorder
        self.id, self.clock, self.newest = 1000, 0, 0
        self.rows = {table: {} for table in tables}
        self.entries = []  # ("row", table, [cells]) or ("marker", id, micros)
        for _ in range(count):
            self.change()

    def values(self, table, key, ts):
        rng = self.rng
        if table == "orders":
            amount = rng.choice([None, f"{rng.randrange(-5000, 90000) / 100:.2f}", f"{rng.randrange(100)}.50"])
            at = rng.choice([None, text(ts - rng.randrange(self.disorder + 1)), text(ts)])
            return [key, rng.choice(["Wien", "Łódź", "a\"b\\c", "", None]), amount,
                    rng.choice([None, rng.randrange(1000) / 8]), at, rng.choice([None, *range(12)])]
        return [key, rng.choice([None, *range(12)]), f"{rng.randrange(10000) / 100:.2f}",
                rng.choice([None, "", "x|y", "note"])]

    def change(self):
        rng = self.rng
        self.clock += rng.randrange(4_000_000)
        table = rng.choice(self.tables)
        rows = self.rows[table]
        self.id += rng.randrange(1, 100)
        ts = max(0, self.clock - (rng.randrange(self.disorder + 1) if rng.random() < 0.3 else 0))
        kind = rng.random()
        if kind < 0.5 or not rows:
            key = rng.randrange(200) if rng.random() < 0.5 else self.id
            op = "U" if key in rows else "I"
            rows[key] = self.values(table, key, ts)
        elif kind < 0.8:
            key, op = rng.choice(list(rows)), "U"
            new = self.values(table, key, ts)
            if rng.random() < 0.3:  # nothing but one column
                new = [*rows[key][:1], *new[1:2], *rows[key][2:]]
            rows[key] = new
        else:
            key, op = rng.choice(list(rows)), "D"
        row = rows[key]
        if op == "D":
            del rows[key]
        elif op == "U" and rng.random() < 0.3:
            self.row(table, "B", ts, row)
        self.row(table, op, ts, row)
        if rng.random() < 0.1:
            self.mark()

    def row(self, table, op, ts, values):
        cells = [str(self.id), text(ts), op, f"{self.name}.{self.id}.{op}"]
        cells += [cell(value, kind) for value, (_, kind) in zip(values, TABLES[table])]
        self.entries.append(("row", table, cells, ts))

    def mark(self):
        self.id += 1
        self.entries.append(("marker", self.id, self.clock))

    def lines(self, repeat=0.05):
        """The log's lines; some stretches between markers are delivered again."""
        rng, entries, at = self.rng, self.entries, 0
        marks = [i for i, e in enumerate(entries) if e[0] == "marker"]
        order = list(range(len(entries)))
        if marks and rng.random() < repeat * 10:
            stop = rng.randrange(len(entries))
            back = max([m for m in marks if m <= stop], default=0)
            order = [*range(stop), *range(back, len(entries))]
        out = []
        while at < len(order):
            entry = entries[order[at]]
            if entry[0] == "marker":
                row = [str(entry[1]), text(entry[2]), "log.000001", str(entry[1]), "", "", "0"]
                out.append(line("data_increment_heartbeat", f"mysql.{self.name}.*.*.*.*.*", [], MARKER, [row]))
                at += 1
                continue
            rows, table = [], entry[1]
            limit = rng.choice([1, 2, 5, 50])
            while at < len(order) and len(rows) < limit and entries[order[at]][:2] == ("row", table):
                rows.append(entries[order[at]][2])
                at += 1
            namespace = f"mysql.{self.name}.shop.{table}.0.0.0"
            out.append(line("data_increment_data", namespace, [TABLES[table][0][0]], SYSTEM + TABLES[table], rows))
        return out


def write(path, lines):
    with open(path, "w", encoding="utf-8") as out:
        out.write("".join(one + "\n" for one in lines))


def landed(path, ordered=True):
    """What a sink holds that applies the output by key: the greater id wins, the later of equals."""
    held, uids, markers = {}, {}, []
    with open(path, encoding="utf-8") as lines:
        for one in lines:
            message = json.loads(one)
            schema = message["schema"]
            names = [field["name"] for field in schema["fields"]]
            if message["protocol"]["type"] == "data_increment_heartbeat":
                markers.append((schema["namespace"], int(message["payload"][0]["tuple"][0])))
                continue
            for row in message["payload"]:
                row = dict(zip(names, row["tuple"]))
                key = tuple(row[name] for name in schema["keys"])
                seen = uids.setdefault(row["_ums_uid_"], row)
                assert seen == row, f"one uid, two rows: {seen} {row}"
                old = held.get(key)
                if old is None or int(row["_ums_id_"]) >= int(old["_ums_id_"]):
                    held[key] = row
    rows = [row for row in held.values() if row["_ums_op_"] != "D"]
    last = {}
    for namespace, mark in markers:
        assert not ordered or mark >= last.get(namespace, mark), f"markers of {namespace} fall"
        last[namespace] = mark
    return rows, last


def table(base, name, rows, columns):
    base.execute(f"CREATE TABLE {name} (" + ", ".join(f'"{n}" {TYPES[t]}' for n, t in columns) + ")")
    if rows:
        base.executemany(f"INSERT INTO {name} VALUES (" + ", ".join("?" * len(columns)) + ")", rows)


def final(sources, name):
    """The table as it stands at the end: the newest version of each key."""
    newest = {}
    for source in sources:
        for entry in source.entries:
            if entry[0] == "row" and entry[1] == name and entry[2][2] != "B":
                newest[entry[2][4]] = entry[2]
    return [row for row in newest.values() if row[2] != "D"]


AGGREGATES = ("count(*) AS n, count(amount) AS c, count(DISTINCT city) AS d, sum(amount) AS s, min(amount) AS lo, "
              "max(amount) AS hi, avg(amount) AS m, sum(weight) AS w, max(city) AS last, min(customer * 2) AS k")


def value(given):
    if given is None:
        return None
    if isinstance(given, float):
        return round(given, 6)
    if isinstance(given, datetime.datetime):
        return given.strftime("%Y-%m-%d %H:%M:%S.%f")
    return str(given)


def numeric(given, scale):
    return None if given is None else f"{float(given):.{scale}f}"


def shaped(row, names):
    out = []
    for name, one in zip(names, row):
        if name in ("s", "lo", "hi"):
            one = numeric(one, 2)
        elif name in ("m", "w"):
            one = numeric(one, 4)
        elif name in ("n", "c", "d", "k", "customer") and one is not None:
            one = str(int(float(one)))
        out.append(value(one))
    return tuple(out)


def windows_sql(base, window, event, group):
    """A table `placed`: each row with the start and end of each of its windows."""
    kind, _, lengths = window.partition(":")
    micros = [int(one[:-1]) * 1_000_000 for one in lengths.split("/") if one]
    stamp = f"epoch_us({event})"
    if kind == "":
        return "SELECT *, NULL AS ws, NULL AS we FROM t"
    if kind == "session":
        by = ("PARTITION BY " + ", ".join(group)) if group else ""
        return (f"WITH a AS (SELECT *, {stamp} AS e, CASE WHEN {stamp} - lag({stamp}) OVER ({by} ORDER BY {stamp}) < {micros[0]} "
                f"THEN 0 ELSE 1 END AS fresh FROM t WHERE {event} IS NOT NULL), "
                f"b AS (SELECT *, sum(fresh) OVER ({by} ORDER BY e ROWS UNBOUNDED PRECEDING) AS session FROM a) "
                f"SELECT *, min(e) OVER (PARTITION BY {', '.join([*group, 'session'])}) AS ws, "
                f"max(e) OVER (PARTITION BY {', '.join([*group, 'session'])}) + {micros[0]} AS we FROM b")
    size, slide = micros[0], micros[-1]
    return (f"SELECT *, ws + {size} AS we FROM (SELECT *, unnest(generate_series("
            f"CAST(floor({stamp} / {slide}) AS BIGINT) * {slide} - ({size} // {slide}) * {slide}, "
            f"CAST(floor({stamp} / {slide}) AS BIGINT) * {slide}, {slide})) AS ws FROM t WHERE {event} IS NOT NULL) "
            f"WHERE ws <= {stamp} AND {stamp} < ws + {size}")


def aggregates(rng, sources, options, rows):
    """What DuckDB says of the rows of `orders` that count."""
    base = duckdb.connect()
    table(base, "t", rows, SYSTEM + TABLES["orders"])
    group = options["group"]
    event = options["time"] or "_ums_ts_"
    placed = windows_sql(base, options["window"], event, group)
    keys = (["ws", "we"] if options["window"] else []) + group
    names = [part.rsplit(" ", 1)[1] for part in AGGREGATES.split(", ")]
    having = f" HAVING {options['having']}" if options["having"] else ""
    sql = f"SELECT {', '.join([*keys, AGGREGATES])} FROM ({placed}) GROUP BY {', '.join(keys) or 'ALL'}{having}"
    found = base.execute(sql).fetchall()
    if not keys:
        found = [row for row in found if row[0] > 0]
    out = set()
    for row in found:
        row = list(row)
        if options["window"]:
            row[0], row[1] = (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=row[i]) for i in (0, 1))
        out.add(shaped(row, keys + names))
    ours = (["window_start", "window_end"] if options["window"] else []) + group + names
    return out, ours


def versions(sources, options, lateness, keep):
    """Which rows count in which windows where rows come late: the rule of ums-join(1), told anew."""
    size, slide = options["lengths"]
    source, held, windows, horizon = sources[0], {}, {}, None
    late = 0

    def starts(micros):
        first = micros // slide * slide
        while first + size > micros:
            yield first
            first -= slide

    def closed(start):
        return horizon is not None and start + size <= horizon - keep

    for entry in source.entries:
        if entry[0] == "marker":
            now = entry[2] - lateness
            horizon = now if horizon is None else max(horizon, now)
            continue
        cells, ts = entry[2], entry[3]
        if entry[1] != "orders" or cells[2] == "B":
            continue
        key = cells[4]
        old = held.pop(key, None)
        if old is not None:
            for start in starts(old):
                if not closed(start):
                    windows.get(start, {}).pop(key, None)
        if cells[2] == "D":
            continue
        open_ones = [start for start in starts(ts) if not closed(start)]
        if not open_ones:
            late += 1
            continue
        held[key] = ts
        for start in open_ones:
            windows.setdefault(start, {})[key] = cells
    return windows, late


def differ(seed, what, wanted, came):
    missing, extra = sorted(wanted - came, key=str)[:3], sorted(came - wanted, key=str)[:3]
    print(f"seed {seed}: {what}\n  wanted, not there: {missing}\n  there, not wanted: {extra}", file=sys.stderr)


def join_run(program, folder, name, inputs, arguments):
    out = os.path.join(folder, name)
    command = [program, "--quiet", "--to", out, *[part for one in inputs for part in ("--from", one)], *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return out, done.stderr


def spilled_run(seed, program, folder, name, inputs, arguments, whole):
    """A run with little memory gives the same bytes as one with much, and leaves nothing behind."""
    spill = os.path.join(folder, name + ".spill")
    os.mkdir(spill)
    out, _ = join_run(program, folder, name, inputs, [*arguments, *SMALL, "--spill-dir", spill])
    with open(out, "rb") as one, open(whole, "rb") as other:
        same = one.read() == other.read()
    if not same or os.listdir(spill):
        print(f"seed {seed}: {name} with little memory differs from {whole}: {' '.join(arguments)}", file=sys.stderr)
    return same and not os.listdir(spill)


def join_side(program, left, right, on, how):
    return [program, "--quiet", "--left", left, "--right", right, "--on", on, "--unmatched", how, "--keep", "forever",
            "--lateness", "forever"]


def killed_run(rng, program, folder, name, inputs, arguments, kills):
    """The same with a state, killed some times at random moments."""
    out, state = os.path.join(folder, name), os.path.join(folder, name + ".state")
    memory = rng.choice([[], SMALL])
    command = [program, "--quiet", "--to", out, *[part for one in inputs for part in ("--from", one)], *arguments,
               *memory, "--state", state, "--state-every", "1ms", "--at-end", "close"]
    died = 0
    while True:
        child = subprocess.Popen(command, stderr=subprocess.PIPE)
        if died < kills:
            time.sleep(rng.random() * 0.08)
            child.send_signal(signal.SIGKILL)
        said = child.communicate()[1].decode()
        if child.returncode == 0:
            return out, died
        if child.returncode != -signal.SIGKILL:
            raise SystemExit(f"{' '.join(command)}\n{said}")
        died += 1


def piped_run(rng, program, folder, name, lines, arguments, kills):
    """The same between a source that starts at the sink's checkpoint and a sink that makes rows durable now and
    then; all three die together, and what was in the pipes is lost."""
    out, state, at = (os.path.join(folder, name + end) for end in ("", ".state", ".checkpoint"))
    memory = rng.choice([[], SMALL])
    command = [program, "--quiet", *arguments, *memory, "--state", state, "--state-every", "1ms", "--checkpoint", at, "--at-end", "close"]
    start, died, durable = 0, 0, []
    while True:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def feed(child=child, start=start, pauses=[rng.random() < 0.1 for _ in lines]):
            try:
                for one, pause in zip(lines[start:], pauses):
                    child.stdin.write(one.encode() + b"\n")
                    if pause:
                        child.stdin.flush()
                        time.sleep(0.0005)
                child.stdin.close()
            except BrokenPipeError:
                pass

        feeder = threading.Thread(target=feed)
        feeder.start()
        end = rng.randrange(1, len(lines)) if died < kills else None
        pending, killed = [], False
        for number, one in enumerate(child.stdout):
            pending.append(one)
            if b"heartbeat" in one and rng.random() < 0.4:
                durable += pending
                pending = []
                ident, ts, log, pos, gtid, server, base = json.loads(one)["payload"][0]["tuple"]
                source = json.loads(one)["schema"]["namespace"].split(".")[1]
                position = {"kind": "mysql", "source": source, "id": ident, "ts": ts, "file": log, "pos": int(pos), "gtid": gtid,
                            "server": server, "base": int(base)}
                with open(at, "w", encoding="utf-8") as file:
                    json.dump({"version": 1, "positions": [position]}, file)
                start = lines.index(one.decode().rstrip("\n")) + 1
            if number == end:
                # It may have ended by itself, but nobody read what it wrote.
                child.kill()
                killed = True
                break
        said = "" if killed else child.stderr.read().decode()
        code = child.wait()
        feeder.join()
        if code == 0 and not killed:
            with open(out, "wb") as file:
                file.writelines(durable + pending)
            return out, died
        if not killed:
            raise SystemExit(f"{' '.join(command)}\n{said}")
        died += 1


def case(seed, given, folder):
    rng = random.Random(seed)
    disorder = rng.choice([0, 2_000_000, 30_000_000])
    count = rng.choice([50, 300, 800])
    several = rng.random() < 0.4
    sources = [Source(rng, "db1", ["orders"] if several else ["orders", "payments"], disorder, count)]
    if several:
        sources.append(Source(rng, "db2", ["payments"], disorder, count))
    inputs = []
    for number, source in enumerate(sources):
        if rng.random() < 0.9:
            source.mark()
        inputs.append(os.path.join(folder, f"{seed}.{number}.ums"))
        write(inputs[-1], source.lines())
    ok = True

    def check(what, rows, wanted, names):
        came = {shaped([row.get(name) for name in names], names) for row in rows}
        if came != wanted or len(rows) != len(wanted):
            differ(seed, what, wanted, came)
            return False
        return True

    # Windows, and everything is corrected for ever.
    window = rng.choice(["", "tumble:10s", "tumble:60s", "hop:60s/10s", "hop:10s/25s", "hop:25s/10s", "session:7s"])
    options = {"window": window, "time": rng.choice([None, None, "made"]),
               "group": rng.choice([[], ["city"], ["city", "customer"]]), "having": rng.choice([None, None, "n > 1"])}
    if not window:
        options["time"] = None
    arguments = ["--namespace", "*.*.shop.orders", "--agg", AGGREGATES, "--keep", "forever",
                 "--emit", rng.choice(["close", "change"]), "--lateness", rng.choice(["1s", "60s"])]
    for option, given_value in (("--window", window), ("--time", options["time"]), ("--group-by", ",".join(options["group"])),
                                ("--having", options["having"])):
        if given_value:
            arguments += [option, given_value]
    wanted, names = aggregates(rng, sources, options, final(sources, "orders"))
    quiet = lambda rows: [row for row in rows if "customer_id" not in row]
    out, _ = join_run(given.program, folder, f"{seed}.windows", inputs, arguments)
    ok &= spilled_run(seed, given.program, folder, f"{seed}.windows.small", inputs, arguments, out)
    rows, markers = landed(out)
    shown = " ".join(arguments)
    ok &= check(f"windows {shown}", quiet(rows), wanted, names)
    for source in sources:
        marks = [entry[1] for entry in source.entries if entry[0] == "marker"]
        if marks and markers.get(f"mysql.{source.name}.*.*.*.*.*") != marks[-1]:
            print(f"seed {seed}: the last marker of {source.name} is not there: {markers}", file=sys.stderr)
            ok = False
    if given.kills:
        out, died = killed_run(rng, given.program, folder, f"{seed}.killed", inputs, arguments, given.kills)
        ok &= check(f"windows after {died} kills {shown}", quiet(landed(out)[0]), wanted, names)

    if given.kills and not several:
        out, died = piped_run(rng, given.program, folder, f"{seed}.piped", sources[0].lines(0), arguments, given.kills)
        ok &= check(f"windows in a pipe after {died} kills {shown}", quiet(landed(out, False)[0]), wanted, names)

    # Windows that close for good; rows come late.
    size, slide = rng.choice([(10, 10), (60, 60), (30, 10)])
    lateness, keep = rng.choice([0, 1, 20]), rng.choice([0, 5])
    options = {"window": "", "time": None, "group": [], "having": None, "lengths": (size * 1_000_000, slide * 1_000_000)}
    first = [inputs[0]]
    placed, late = versions(sources, options, lateness * 1_000_000, keep * 1_000_000)
    wanted = set()
    for start, held in placed.items():
        found, names = aggregates(rng, sources, options, list(held.values()))
        wanted |= {(text(start), *row) for row in found}
    arguments = ["--namespace", "*.*.shop.orders", "--agg", AGGREGATES, "--window", f"hop:{size}s/{slide}s",
                 "--lateness", f"{lateness}s" if lateness else "0", "--keep", f"{keep}s" if keep else "0",
                 "--late", os.path.join(folder, f"{seed}.late")]
    # What is delivered again is late a second time, so this stream repeats nothing.
    write(first[0], sources[0].lines(0))
    out, _ = join_run(given.program, folder, f"{seed}.late.out", first, arguments)
    came_late = 0
    for one in open(os.path.join(folder, f"{seed}.late"), encoding="utf-8"):
        came_late += len(json.loads(one)["payload"])
    ok &= check(f"late rows {' '.join(arguments)}", quiet(landed(out)[0]), wanted, ["window_start", *names])
    if came_late != late:
        print(f"seed {seed}: {came_late} rows came late instead of {late}", file=sys.stderr)
        ok = False

    # Joins.
    write(first[0], sources[0].lines())
    within = rng.choice([5, 30, 600])
    how = rng.choice(["drop", "send"])
    arguments = ["--left", "*.*.shop.orders", "--right", "*.*.shop.payments", "--on", "customer = customer_id",
                 "--within", f"{within}s", "--unmatched", how, "--keep", "forever", "--lateness", rng.choice(["0", "40s"])]
    base = duckdb.connect()
    table(base, "l", final(sources, "orders"), SYSTEM + TABLES["orders"])
    table(base, "r", final(sources, "payments"), SYSTEM + TABLES["payments"])
    columns = ["id", "city", "amount", "weight", "made", "customer", "no", "customer_id", "paid", "note"]
    sql = (f"SELECT {', '.join('l.' + c if c in dict(TABLES['orders']) else 'r.' + c for c in columns)} FROM l "
           f"{'LEFT' if how == 'send' else 'INNER'} JOIN r ON l.customer = r.customer_id AND "
           f"abs(epoch_us(l._ums_ts_) - epoch_us(r._ums_ts_)) <= {within * 1_000_000}")
    names = ["s" if c in ("amount", "paid") else c for c in columns]
    wanted = {shaped(row, names) for row in base.execute(sql).fetchall()}

    def joined(path):
        return {shaped([row.get(c) if c not in ("weight",) else row[c] for c in columns], names) for row in landed(path, False)[0]}

    out, _ = join_run(given.program, folder, f"{seed}.join", inputs, arguments)
    ok &= spilled_run(seed, given.program, folder, f"{seed}.join.small", inputs, arguments, out)
    came = joined(out)
    if came != wanted:
        differ(seed, f"join {' '.join(arguments)}", wanted, came)
        ok = False
    if given.kills:
        out, died = killed_run(rng, given.program, folder, f"{seed}.join.killed", inputs, arguments, given.kills)
        came = joined(out)
        if came != wanted:
            differ(seed, f"join after {died} kills {' '.join(arguments)}", wanted, came)
            ok = False
    # Three sides: the result of a join is one side of another, through a pipe.
    pair = join_side(given.program, "*.*.shop.orders", "*.*.shop.payments", "customer = customer_id", how)
    pair += ["--as", "mysql.joined.shop.joined.0.0.0", *[part for one in inputs for part in ("--from", one)]]
    out = os.path.join(folder, f"{seed}.three")
    three = join_side(given.program, "*.*.shop.joined", "*.*.shop.payments", "city = note", how)
    three += ["--prefix", "p_", "--from", "-", *[part for one in inputs for part in ("--from", one)], "--to", out]
    first_one = subprocess.Popen(pair, stdout=subprocess.PIPE)
    code = subprocess.run(three, stdin=first_one.stdout, check=False).returncode
    assert (code, first_one.wait()) == (0, 0), "three sides"
    kind = "LEFT" if how == "send" else "INNER"
    all_three = ["id", "no", "p_no"]
    sql = (f"SELECT l.id, r.no, p.no FROM l {kind} JOIN r ON l.customer = r.customer_id {kind} JOIN r AS p ON l.city = p.note")
    expected = {shaped(row, all_three) for row in base.execute(sql).fetchall()}
    came = {shaped([row.get(c) for c in all_three], all_three) for row in landed(out, False)[0] if "p_no" in row}
    if came != expected:
        differ(seed, f"three sides {how}", expected, came)
        ok = False
    if given.kills and not several:
        out, died = piped_run(rng, given.program, folder, f"{seed}.join.piped", sources[0].lines(0), arguments, given.kills)
        came = joined(out)
        if came != wanted:
            differ(seed, f"join in a pipe after {died} kills {' '.join(arguments)}", wanted, came)
            ok = False
    return ok


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--kills", type=int, default=0)
    given = parser.parse_args()
    failed = []
    for seed in range(given.first, given.first + given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            if not case(seed, given, folder):
                failed.append(seed)
    print(f"{given.seeds - len(failed)} of {given.seeds} seeds from {given.first} agree with DuckDB"
          + (f"; not: {failed}" if failed else ""))
    sys.exit(1 if failed else 0)


main()
