"""Measures ums-sink beside each target's own bulk way and beside upserts of one row a statement, in
one run, and prints the report. Called by scripts/bench."""

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import tempfile

from bench_measure import once, processor, say, version

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["id", "customer", "state", "amount", "weight", "quantity", "created", "seen", "title", "note"]
# One row a statement is slow: it is given fewer.
NAIVE = 20000


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("sink", "input", "mysql", "mariadb", "psql"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--port", type=int, default=24190)
    return parser.parse_args()


# ---- the input in other forms ---------------------------------------------------------------------


def rows(path):
    """The data columns of every row, text or None."""
    with open(path, "rb") as lines:
        for line in lines:
            message = json.loads(line, parse_float=str, parse_int=str)
            if not message["protocol"]["type"].endswith("_data"):
                continue
            for row in message["payload"]:
                yield row["tuple"][4:]


def backslashed(value, null):
    if value is None:
        return null
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def literal(value, number):
    if value is None:
        return "NULL"
    return value if number else "'" + value.replace("'", "''") + "'"


def prepare(path, folder):
    """A file for LOAD DATA and COPY, one for .import, one of single upserts for each dialect."""
    names = {kind: os.path.join(folder, kind) for kind in ("tsv", "csv", "mysql.sql", "other.sql")}
    files = {kind: open(name, "w", encoding="utf-8", newline="") for kind, name in names.items()}
    columns = ", ".join(NAMES)
    mysql = ", ".join(f"{name} = VALUES({name})" for name in NAMES[1:])
    other = ", ".join(f"{name} = excluded.{name}" for name in NAMES[1:])
    count = 0
    for kind in ("mysql.sql", "other.sql"):
        files[kind].write("BEGIN;\n")
    for row in rows(path):
        files["tsv"].write("\t".join(backslashed(value, "\\N") for value in row) + "\n")
        files["csv"].write(",".join("" if v is None else '"' + v.replace('"', '""') + '"' for v in row) + "\n")
        if count < NAIVE:
            values = ", ".join(literal(value, at in (0, 1, 3, 4, 5)) for at, value in enumerate(row))
            head = f"INSERT INTO changes ({columns}) VALUES ({values})"
            files["mysql.sql"].write(f"{head} ON DUPLICATE KEY UPDATE {mysql};\n")
            files["other.sql"].write(f"{head} ON CONFLICT (id) DO UPDATE SET {other};\n")
        count += 1
    for kind in ("mysql.sql", "other.sql"):
        files[kind].write("COMMIT;\n")
    for file in files.values():
        file.close()
    return count, names


# ---- the targets ------------------------------------------------------------------------------------

MYSQL_TABLE = """DROP TABLE IF EXISTS changes; CREATE TABLE changes (id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
customer INT, state ENUM('new','paid','packed','sent','returned'), amount DECIMAL(12,2), weight DOUBLE,
quantity SMALLINT UNSIGNED, created DATETIME(6), seen TIMESTAMP(3) NULL, title VARCHAR(120), note TEXT)"""
POSTGRES_TABLE = """DROP TABLE IF EXISTS changes; CREATE TABLE changes (id NUMERIC(20,0) NOT NULL PRIMARY KEY,
customer INTEGER, state TEXT, amount NUMERIC(12,2), weight DOUBLE PRECISION, quantity INTEGER,
created TIMESTAMP(6), seen TIMESTAMP(3) WITH TIME ZONE, title TEXT, note TEXT)"""
SQLITE_TABLE = """DROP TABLE IF EXISTS changes; CREATE TABLE changes (id TEXT NOT NULL PRIMARY KEY, customer INTEGER,
state TEXT, amount TEXT, weight REAL, quantity INTEGER, created TEXT, seen TEXT, title TEXT, note TEXT)"""


class Contest:
    def __init__(self, given, count):
        self.given, self.count, self.table = given, count, []

    def add(self, target, name, command, count=None, read=os.devnull):
        say(f"{target}: {name}")
        wall, cpu, memory = once(command, read)
        count = count or self.count
        self.table.append((target, name, count, wall, cpu, count / wall, memory))

    def sink(self, target, address, name="ums-sink", more=()):
        command = [self.given.sink, "--quiet", "--from", self.given.input, *more, address]
        self.add(target, f"`{name}`", command)


def servers(given, folder):
    """Starts the three servers; gives their folders and ports."""
    places = {}
    for at, kind in enumerate(("mysql", "mariadb", "postgres")):
        place = os.path.join(folder, kind)
        options = {"mysql": ["--local-infile=1", "--innodb-redo-log-capacity=1G"],
                   "mariadb": ["--local-infile=1", "--innodb-log-file-size=512M"],
                   "postgres": ["-c", "max_wal_size=2GB"]}[kind]
        if kind != "postgres":
            options += ["--innodb-buffer-pool-size=512M", "--skip-log-bin"]
        subprocess.run([HERE + "/servers", "start", kind, place, str(given.port + at), *options], check=True)
        places[kind] = (place, given.port + at)
    return places


def mysql_like(contest, given, kind, client, place, port, files):
    base = [client, "--no-defaults", f"--socket={place}/s.sock", "-uroot", "--default-character-set=utf8mb4", "--local-infile=1"]
    label = {"mysql": "MySQL", "mariadb": "MariaDB"}[kind]

    def fresh(table=True):
        subprocess.run([*base, "-e", "DROP DATABASE IF EXISTS b; CREATE DATABASE b"], check=True)
        if table:
            subprocess.run([*base, "b", "-e", MYSQL_TABLE], check=True)

    fresh(False)
    contest.sink(label, f"mysql://root@127.0.0.1:{port}/b")
    contest.sink(label, f"mysql://root@127.0.0.1:{port}/b", "ums-sink, all rows there already")
    fresh(False)
    contest.sink(label, f"mysql://root@127.0.0.1:{port}/b?workers=2", "ums-sink ?workers=2")
    fresh()
    contest.add(label, "`LOAD DATA LOCAL INFILE`", [
        *base, "b", "-e", f"SET time_zone = '+00:00'; LOAD DATA LOCAL INFILE '{files['tsv']}' INTO TABLE changes CHARACTER SET utf8mb4"])
    fresh()
    contest.add(label, "upserts of one row", [*base, "b"], NAIVE, files["mysql.sql"])


def postgres(contest, given, place, port, files):
    base = [given.psql, "-X", "-q", "-h", place, "-p", str(port), "-U", "postgres"]

    def fresh(table=True):
        subprocess.run([*base, "-c", "DROP DATABASE IF EXISTS b", "-c", "CREATE DATABASE b"], check=True, stderr=subprocess.DEVNULL)
        if table:
            subprocess.run([*base, "-d", "b", "-c", POSTGRES_TABLE], check=True, stderr=subprocess.DEVNULL)

    fresh(False)
    contest.sink("PostgreSQL", f"postgres://postgres@127.0.0.1:{port}/b")
    contest.sink("PostgreSQL", f"postgres://postgres@127.0.0.1:{port}/b", "ums-sink, all rows there already")
    fresh(False)
    contest.sink("PostgreSQL", f"postgres://postgres@127.0.0.1:{port}/b?workers=2", "ums-sink ?workers=2")
    fresh()
    contest.add("PostgreSQL", "`COPY`", [*base, "-d", "b", "-c", "SET TimeZone = 'UTC'", "-c", f"\\copy changes FROM '{files['tsv']}'"])
    fresh()
    contest.add("PostgreSQL", "upserts of one row", [*base, "-d", "b", "-f", files["other.sql"]], NAIVE)


def sqlite(contest, folder, files):
    database = os.path.join(folder, "b.db")

    def fresh(table=True):
        for end in ("", "-wal", "-shm"):
            if os.path.exists(database + end):
                os.remove(database + end)
        if table:
            subprocess.run(["sqlite3", database, SQLITE_TABLE], check=True)

    fresh(False)
    contest.sink("SQLite", "sqlite:" + database)
    contest.sink("SQLite", "sqlite:" + database, "ums-sink, all rows there already")
    fresh()
    contest.add("SQLite", "`.import --csv`", ["sqlite3", database, f".import --csv {files['csv']} changes"])
    fresh()
    contest.add("SQLite", "upserts of one row", ["sqlite3", database, f".read {files['other.sql']}"], NAIVE)


def main():
    given = arguments()
    folder = tempfile.mkdtemp(prefix="dws-bench.")
    os.chmod(folder, 0o711)
    places = {}
    try:
        say("writing the same rows for the other programs")
        count, files = prepare(given.input, folder)
        os.chmod(files["tsv"], 0o644)
        contest = Contest(given, count)
        sqlite(contest, folder, files)
        contest.sink("Parquet log", "parquet:" + os.path.join(folder, "log"))
        contest.sink("lines (zstd)", os.path.join(folder, "lines.ums.zst"))
        places = servers(given, folder)
        postgres(contest, given, *places["postgres"], files)
        mysql_like(contest, given, "mariadb", given.mariadb, *places["mariadb"], files)
        mysql_like(contest, given, "mysql", given.mysql, *places["mysql"], files)
    finally:
        for kind in ("mysql", "mariadb", "postgres"):
            subprocess.run([HERE + "/servers", "stop", os.path.join(folder, kind)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)

    print(f"# ums-sink, {datetime.date.today().isoformat()}\n")
    print(f"Machine: {os.cpu_count()} cores, {processor()}, Linux {platform.release().split('-')[0]}; servers on the same cores, their "
          "data thrown away after (no fsync at commit), no binary log. "
          f"{version(given.sink)}.  ")
    print(f"Rows: {count:,} inserts of 10 mixed columns, {os.path.getsize(given.input):,} bytes of UMS, recorded from MySQL by "
          "`scripts/bench`. ums-sink adds its four columns, compares ids and keeps the position; the bulk ways only insert. "
          f"One row a statement: {NAIVE:,} rows in one transaction.\n")
    print("| target | way | rows | seconds | client CPU s | rows/s | client peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for target, name, rows_done, wall, cpu, rate, memory in contest.table:
        print(f"| {target} | {name} | {rows_done:,} | {wall:.2f} | {cpu:.2f} | **{rate:,.0f}** | {memory:.1f} |")


if __name__ == "__main__":
    main()
