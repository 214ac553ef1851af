"""Measures dbus-pull beside the servers' own clients and mydumper over one table, in one run, and
prints the report. Called by scripts/bench."""

import argparse
import datetime
import os
import platform
import shutil
import statistics
import subprocess
import tempfile

from bench_measure import once, processor, say, version

HERE = os.path.dirname(os.path.abspath(__file__))
JOBS = (1, 2, 6)
COLUMNS = "id, customer, state, amount, weight, quantity, created, seen, title, note"
TABLE = """CREATE TABLE changes (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, customer INT NOT NULL,
state ENUM('new','paid','packed','sent','returned') NOT NULL, amount DECIMAL(12,2), weight DOUBLE,
quantity SMALLINT UNSIGNED, created DATETIME(6), seen TIMESTAMP(3) NULL, title VARCHAR(120), note TEXT)"""
# Everything follows from the id, so that both servers have the same rows.
VALUES = """n, n * 7919 % 1000003, 1 + n % 5, n % 10000000 / 100, SQRT(n), n % 999,
'2026-01-01' + INTERVAL n * 137 SECOND + INTERVAL n % 999983 MICROSECOND,
IF(n % 7, '2026-01-02' + INTERVAL n SECOND, NULL), CONCAT('title ', HEX(n * 2654435761), ' of ', n),
CONCAT(REPEAT('note ', 16 + n % 8), HEX(n * 40503))"""


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pull", required=True)
    for kind in ("mariadb", "mysql"):
        parser.add_argument(f"--{kind}", help="the client; without it this server is left out")
        parser.add_argument(f"--{kind}-dump")
    parser.add_argument("--mydumper", default="mydumper")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--port", type=int, default=24180)
    return parser.parse_args()


def fill(client, rows):
    """The table, by doubling; not logged, but the log is on."""
    run = lambda sql: subprocess.run([*client, "-e", "SET sql_log_bin = 0; SET time_zone = '+00:00'; " + sql],
                                     check=True, stdout=subprocess.DEVNULL)
    run(f"CREATE DATABASE bench; USE bench; {TABLE}; INSERT INTO changes WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL "
        f"SELECT n + 1 FROM s WHERE n < {min(rows, 1000)}) SELECT {VALUES} FROM s")
    there = min(rows, 1000)
    while there < rows:
        more = min(there, rows - there)
        run(f"USE bench; INSERT INTO changes SELECT {VALUES} FROM (SELECT id + {there} AS n FROM changes WHERE id <= {more}) s")
        there += more
    run("USE bench; ANALYZE TABLE changes")


def warm(command, rows):
    """One run that is not measured, over all rows: that it has each of them, and all are in memory."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    found = sum(line.count(b'{"tuple":[') for line in process.stdout if b'"data_initial_data"' in line[:60])
    if process.wait() != 0 or found != rows:
        raise SystemExit(f"bench: {command[0]} ended with {process.returncode} and wrote {found:,} rows of {rows:,}")


class Contest:
    """The commands of one server. They take turns, so that a machine that slows down slows all of them;
    what could not be run says why."""

    def __init__(self, given, label):
        self.given, self.label, self.commands, self.table = given, label, [], []

    def add(self, name, connections, command, between=None):
        self.commands.append((name, connections, command, between, []))

    def run(self):
        failed = set()
        for round in range(self.given.runs):
            for name, _, command, between, times in self.commands:
                if name in failed:
                    continue
                say(f"{self.label}: {round + 1} of {self.given.runs}: {name}")
                try:
                    if between:
                        between()
                    times.append(once(command))
                except (SystemExit, OSError) as error:
                    say(str(error).strip())
                    failed.add(name)
        for name, connections, _, _, times in self.commands:
            measured = None
            if name not in failed:
                measured = (*(statistics.median(t[at] for t in times) for at in (0, 1)), max(t[2] for t in times))
            self.table.append((name, connections, measured))


def contest(given, kind, client, dump, folder, port):
    place = os.path.join(folder, kind)
    options = ["--innodb-buffer-pool-size=2G", "--max-allowed-packet=64M"]
    options += ["--innodb-redo-log-capacity=1G"] if kind == "mysql" else ["--innodb-log-file-size=1G"]
    subprocess.run([HERE + "/servers", "start", kind, place, str(port), *options], check=True)
    login = ["--no-defaults", f"--socket={place}/s.sock", "-uroot"]
    base = [client, *login]
    say(f"{kind}: making {given.rows:,} rows")
    fill(base, given.rows)
    ask = lambda sql: subprocess.run([*base, "-N", "-e", sql], check=True, capture_output=True, text=True).stdout.strip()
    size = ask(f"SELECT AVG(LENGTH(CONCAT_WS(',', {COLUMNS}))) FROM bench.changes WHERE id < 100000")
    server = {"mysql": "MySQL ", "mariadb": "MariaDB "}[kind] + ask("SELECT VERSION()").split("-")[0]
    found = Contest(given, kind)
    # All by the same socket; what TLS over TCP costs is a row of its own.
    pull = lambda jobs, rest: [
        given.pull, "--quiet", "-j", str(jobs), "--tables", "bench.changes", f"mysql://root@127.0.0.1:{port}/?{rest}"]
    warm(pull(1, f"socket={place}/s.sock"), given.rows)
    for jobs in JOBS:
        found.add(f"`dbus-pull -j {jobs}`", jobs, pull(jobs, f"socket={place}/s.sock"))
    if kind == "mysql":
        found.add("`dbus-pull -j 1`, TCP with TLS", 1, pull(1, "ssl-mode=REQUIRED"))
    name = os.path.basename(client)
    found.add(f"`{name} --quick -e 'SELECT …'`", 1, [*base, "--quick", "bench", "-e", f"SELECT {COLUMNS} FROM changes"])
    if dump:
        found.add(f"`{os.path.basename(dump)} --quick`", 1, [dump, *login, "--quick", "--single-transaction", "bench", "changes"])
    if shutil.which(given.mydumper):
        target = os.path.join(folder, "mydumper")
        clean = lambda: shutil.rmtree(target, ignore_errors=True)
        for jobs in JOBS:
            found.add(f"`mydumper -t {jobs}`, to files", jobs, [
                given.mydumper, "-S", f"{place}/s.sock", "-u", "root", "-B", "bench", "-t", str(jobs), "-r", "100000", "-o", target], clean)
    found.run()
    shutil.rmtree(os.path.join(folder, "mydumper"), ignore_errors=True)
    subprocess.run([HERE + "/servers", "stop", place], check=False)
    shutil.rmtree(place, ignore_errors=True)
    return server, found, size


def main():
    given = arguments()
    folder = tempfile.mkdtemp(prefix="dws-bench.")
    results = []
    try:
        for at, (kind, client, dump) in enumerate((("mariadb", given.mariadb, given.mariadb_dump), ("mysql", given.mysql, given.mysql_dump))):
            if client:
                results.append(contest(given, kind, client, dump, folder, given.port + at))
    finally:
        for kind in ("mariadb", "mysql"):
            subprocess.run([HERE + "/servers", "stop", os.path.join(folder, kind)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)

    print(f"# dbus-pull, {datetime.date.today().isoformat()}\n")
    print(f"Machine: {os.cpu_count()} cores, {processor()}, Linux {platform.release().split('-')[0]}; the server on the same cores, the "
          f"table in its memory. {version(given.pull)}.  ")
    if shutil.which(given.mydumper):
        print(version(given.mydumper) + ".  ")
    print(f"Table: {given.rows:,} rows of 10 mixed columns with a primary key. Output to /dev/null, but for mydumper, which writes files "
          f"(in the page cache). By the server's socket, in turns; median of {given.runs} runs; memory is the largest peak. CPU is the client's; with one core for it "
          "and one for the server, more connections help only where the server waits.\n")
    for server, found, size in results:
        print(f"## {server}\n")
        print(f"A row has {float(size):.0f} characters on average.\n")
        print("| command | connections | seconds | client CPU s | rows/s | rows/s a connection | peak MiB |")
        print("|---|---|---|---|---|---|---|")
        for name, connections, measured in found.table:
            if measured is None:
                print(f"| {name} | {connections} | cannot read this server | | | | |")
                continue
            wall, cpu, memory = measured
            rate = given.rows / wall
            print(f"| {name} | {connections} | {wall:.2f} | {cpu:.2f} | **{rate:,.0f}** | {rate / connections:,.0f} | {memory:.1f} |")
        print()


if __name__ == "__main__":
    main()
