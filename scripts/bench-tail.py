"""Measures dbus-tail and prints the report: throughput on one core beside the servers' own tools,
peak memory, and the time from a commit to the line on standard output. Called by scripts/bench."""

import argparse
import datetime
import json
import os
import platform
import queue
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import pymysql

from bench_measure import once, processor, say, version

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("tail", "log", "mysqlbinlog", "mariadb-binlog"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--port", type=int, default=24198)
    return parser.parse_args()


# ---- throughput ------------------------------------------------------------------------------


def timed(command, runs):
    """Times of several runs, by hyperfine where it is there."""
    wall, cpu, memory = once(command)  # warms the page cache, gives memory
    if not shutil.which("hyperfine"):
        times = [once(command)[0] for _ in range(runs)]
    else:
        with tempfile.NamedTemporaryFile(suffix=".json") as result:
            subprocess.run(
                ["hyperfine", "--style", "none", "--shell", "none", "--output", "null", "--runs", str(runs),
                 "--export-json", result.name, " ".join(command)],
                check=True, stdout=subprocess.DEVNULL)
            times = json.load(open(result.name))["results"][0]["times"]
    return times, cpu, memory


def count_rows(tail, log):
    """Row changes of the log by op, from the program's own output."""
    counts = {"I": 0, "U": 0, "D": 0}
    process = subprocess.Popen([tail, "--quiet", log], stdout=subprocess.PIPE)
    pattern = re.compile(rb'\{"tuple":\["\d+","[^"]{26}","([IUD])"')
    for line in process.stdout:
        for op in pattern.findall(line):
            counts[op.decode()] += 1
    if process.wait() != 0:
        raise SystemExit("bench: dbus-tail failed on " + log)
    return counts


# ---- latency -----------------------------------------------------------------------------------


class Server:
    """A throw-away MySQL of scripts/servers."""

    def __init__(self, port):
        self.folder = tempfile.mkdtemp(prefix="dws-bench.")
        self.port = port
        subprocess.run([HERE + "/servers", "start", "mysql", self.folder, str(port)], check=True)

    def connect(self):
        return pymysql.connect(unix_socket=self.folder + "/s.sock", user="root", autocommit=True)

    def stop(self):
        subprocess.run([HERE + "/servers", "stop", self.folder], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def latency(tail, server, probes, pause, writers):
    """Milliseconds from just before the COMMIT is sent, and from its return, to the row's line."""
    control = server.connect()
    cursor = control.cursor()
    cursor.execute("CREATE DATABASE IF NOT EXISTS bench")
    cursor.execute("DROP TABLE IF EXISTS bench.probe, bench.busy")
    cursor.execute("CREATE TABLE bench.probe (id INT PRIMARY KEY, note VARCHAR(100))")
    cursor.execute("CREATE TABLE bench.busy (id BIGINT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(200))")
    process = subprocess.Popen(
        [tail, "--quiet", "--start", "latest", f"mysql://root@127.0.0.1:{server.port}/"], stdout=subprocess.PIPE)
    arrivals = queue.Queue()
    ready = threading.Event()
    busy_rows = [0]

    def read():
        probe = re.compile(rb'\{"tuple":\["\d+","[^"]{26}","I","[^"]*",(\d+)')
        for line in process.stdout:
            now = time.perf_counter()
            ready.set()
            if b".bench.probe." in line[:300]:
                for number in probe.findall(line):
                    arrivals.put((int(number), now))
            elif b".bench.busy." in line[:300]:
                busy_rows[0] += line.count(b'{"tuple":')

    threading.Thread(target=read, daemon=True).start()
    if not ready.wait(30):  # the first marker: it follows the log
        raise SystemExit("bench: dbus-tail wrote nothing in 30 s")
    stop = threading.Event()

    def write():
        connection = server.connect()
        while not stop.is_set():
            connection.cursor().execute("INSERT INTO bench.busy (note) VALUES (REPEAT('busy ', 30)), (REPEAT('more ', 30))")

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    sent, returned = {}, {}
    for number in range(probes):
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO bench.probe VALUES (%s, 'probe')", (number,))
        sent[number] = time.perf_counter()
        cursor.execute("COMMIT")
        returned[number] = time.perf_counter()
        time.sleep(pause)
    arrived = {}
    while len(arrived) < probes:
        number, now = arrivals.get(timeout=60)
        arrived[number] = now
    seconds = time.perf_counter() - began
    stop.set()
    for thread in threads:
        thread.join()
    process.terminate()
    process.wait()
    from_commit = sorted((arrived[n] - sent[n]) * 1000 for n in range(probes))
    from_return = sorted((arrived[n] - returned[n]) * 1000 for n in range(probes))
    return from_commit, from_return, busy_rows[0] / seconds


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


# ---- the report ----------------------------------------------------------------------------------


def main():
    given = arguments()
    core = "1" if os.cpu_count() > 1 else "0"
    pinned = ["taskset", "-c", core] if shutil.which("taskset") else []
    size = os.path.getsize(given.log)
    say("counting")
    counts = count_rows(given.tail, given.log)
    changes = sum(counts.values())
    decode = ["-v", "--base64-output=decode-rows", given.log]
    contestants = [
        ("dbus-tail", [given.tail, "--quiet", given.log]),
        ("mysqlbinlog -v", [given.mysqlbinlog, *decode]),
        ("mariadb-binlog -v", [given.mariadb_binlog, *decode]),
    ]
    rows = []
    for name, command in contestants:
        say("timing " + name)
        times, cpu, memory = timed(pinned + command, given.runs)
        median = statistics.median(times)
        rows.append((name, median, min(times), max(times), cpu, changes / median / 1e6, size / median / 1e6, memory))

    say("latency, idle and busy")
    server = Server(given.port)
    try:
        idle = latency(given.tail, server, 2000, 0.005, 0)
        busy = latency(given.tail, server, 2000, 0.005, 4)
    finally:
        server.stop()

    print(f"# dbus-tail, {datetime.date.today().isoformat()}\n")
    print(f"Machine: {os.cpu_count()} cores, {processor()}, Linux {platform.release().split('-')[0]}.  ")
    print(f"Versions: {version(given.tail)}; {re.sub('^.*/', '', version(given.mysqlbinlog))}; {re.sub('^.*/', '', version(given.mariadb_binlog))}.  ")
    print(f"Log: recorded from MySQL by `scripts/bench`, {size:,} bytes, one table of 10 mixed columns, full row images and metadata, "
          f"CRC32; {changes:,} row changes: {counts['I']:,} inserts, {counts['U']:,} updates, {counts['D']:,} deletes, "
          "1,000 to 2,000 in a transaction.\n")
    print("## File to standard output (/dev/null), one core\n")
    print(f"All on one core (`taskset -c {core}`), the file in the page cache, median of {given.runs} runs after one to warm up"
          f"{', by hyperfine' if shutil.which('hyperfine') else ''}. Memory is the peak resident set, shared libraries included.\n")
    print("| command | seconds | least to most | CPU s | million changes/s | MB/s read | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for name, median, least, most, cpu, rate, speed, memory in rows:
        print(f"| `{name}` | {median:.2f} | {least:.2f} to {most:.2f} | {cpu:.2f} | **{rate:.2f}** | {speed:.0f} | {memory:.1f} |")
    print("\n```")
    for name, command in contestants:
        short = [os.path.basename(part) if part.startswith("/") else part for part in command]
        print(" ".join(["taskset", "-c", core, *short]), "> /dev/null")
    print("```\n")
    print("## Live: from the commit to the line\n")
    print("2,000 transactions of one row, one every 5 ms or so, on a MySQL on the same machine (`sync_binlog=0`); the client, the server, "
          "dbus-tail and its reader share the cores. Busy: four more connections insert as fast as they can.\n")
    print("| server | p50 ms from sending COMMIT | p99 | p50 ms from its return | p99 | other rows/s meanwhile |")
    print("|---|---|---|---|---|---|")
    for name, (sent, returned, rate) in (("idle", idle), ("busy", busy)):
        print(f"| {name} | {percentile(sent, 0.5):.2f} | {percentile(sent, 0.99):.2f} | {percentile(returned, 0.5):.2f} | "
              f"{percentile(returned, 0.99):.2f} | {rate:,.0f} |")
    print("\nA row can arrive before the client has the answer to its COMMIT: the server sends it as soon as it is in the log.")


if __name__ == "__main__":
    main()
