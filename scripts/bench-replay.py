"""Measures ums-replay over a Parquet log and prints the report: the state as of a row, beside DuckDB's
equivalent queries over the same files, with the peak memory of each. Called by scripts/bench."""

import argparse
import datetime
import glob
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile

from bench_measure import measured, processor, say

DUCKDB = """
import sys, duckdb
log, id, kind, limit, spill = sys.argv[1:]
database = duckdb.connect()
database.execute("SET enable_progress_bar = false")
database.execute("SET TimeZone = 'UTC'")
database.execute("SET enable_progress_bar = false")
database.execute("SET preserve_insertion_order = false")
database.execute(f"SET temp_directory = '{spill}'")
if limit:
    database.execute(f"SET memory_limit = '{limit}'")
files = f"read_parquet('{log}/*/*/*/*/*/*/*/*/*.parquet')"
rows = f"SELECT * FROM {files} WHERE _ums_id_ <= {id} AND _ums_op_ <> 'B'"
if kind == "window":
    newest = f"SELECT * FROM ({rows}) QUALIFY row_number() OVER (PARTITION BY id ORDER BY _ums_id_ DESC) = 1"
else:
    newest = f"SELECT unnest(newest) FROM (SELECT max_by(t, _ums_id_) AS newest FROM ({rows}) t GROUP BY id)"
state = f"SELECT * FROM ({newest}) WHERE _ums_op_ <> 'D'"
if kind == "count":
    print(database.execute(f"SELECT count(*) FROM ({state})").fetchone()[0])
else:
    database.execute(f"COPY ({state}) TO '/dev/null' (FORMAT json)")
"""


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("replay", "log"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


def main():
    given = arguments()
    files = glob.glob(given.log + "/mysql/**/*.parquet", recursive=True)
    size = sum(os.path.getsize(path) for path in files)
    check = subprocess.run([given.replay, "--check", "parquet:" + given.log], check=True, capture_output=True, text=True).stdout
    rows = int(re.search(r"(\d+) rows", check)[1])
    last = int(re.search(r"ids \d+ to (\d+)", check)[1])
    first = int(re.search(r"ids (\d+) to", check)[1])
    # Nine tenths in: most row groups count whole, and some in part.
    id = first + (last - first) * 9 // 10
    with tempfile.TemporaryDirectory() as spill:
        duckdb = lambda kind, limit="": [sys.executable, "-c", DUCKDB, given.log, str(id), kind, limit, spill]
        replay = lambda *options: [given.replay, *options, "--spill-dir", spill, "parquet:" + given.log]
        contestants = [
            ("ums-replay --as-of", replay("--as-of", str(id))),
            ("ums-replay --as-of --memory 64MiB", replay("--as-of", str(id), "--memory", "64MiB")),
            ("DuckDB, row_number()", duckdb("window")),
            ("DuckDB, max_by()", duckdb("max_by")),
            ("DuckDB, row_number(), 512 MB", duckdb("window", "512MB")),
            ("ums-replay --history", replay("--history")),
            ("ums-replay, all rows", replay()),
        ]
        table, counts = [], {}
        for name, command in contestants:
            say(name)
            results = [measured(command) for _ in range(given.runs + 1)]  # the first warms the page cache
            failed = [said for *_, said, code in results if code != 0]
            if failed:
                table.append((name, None, failed[0].strip().split("\n")[-1]))
                continue
            found = re.search(r"([\d,]+) rows,", results[-1][3])
            counts[name] = int(found[1].replace(",", "")) if found else None
            results = results[1:]
            median = statistics.median(result[0] for result in results)
            table.append((name, median, min(r[0] for r in results), max(r[0] for r in results),
                          statistics.median(r[1] for r in results), max(r[2] for r in results)))
        state = counts["ums-replay --as-of"]
        counted = subprocess.run(duckdb("count"), check=True, capture_output=True, text=True).stdout
        if int(counted) != state or counts["ums-replay --as-of --memory 64MiB"] != state:
            raise SystemExit(f"bench: the answers differ: {state} rows, and {counted.strip()} of DuckDB")
        version = subprocess.run([sys.executable, "-c", "import duckdb; print(duckdb.__version__)"], capture_output=True, text=True).stdout.strip()
    own = subprocess.run([given.replay, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"# ums-replay, {datetime.date.today().isoformat()}\n")
    print(f"Machine: {os.cpu_count()} cores, {processor()}, Linux {platform.release().split('-')[0]}.  ")
    print(f"Versions: {own}; DuckDB {version}.  ")
    print(f"Log: made by `scripts/bench replay`, {rows:,} row changes of one table of 10 mixed columns in {len(files)} files of "
          f"{size / 1e6:,.0f} MB; the state as of id {id}, nine tenths in, has {state:,} rows (both say so).\n")
    print(f"All cores, files in the page cache, output to /dev/null: UMS from ums-replay, DuckDB's own JSON lines from DuckDB. Median of "
          f"{given.runs} runs after one to warm up; memory is the peak resident set.\n")
    print("| | seconds | least to most | CPU s | million rows read/s | peak MiB |")
    print("|---|---|---|---|---|---|")
    for name, median, *rest in table:
        if median is None:
            print(f"| {name} | failed: {rest[0][:120]} | | | | |")
            continue
        least, most, cpu, memory = rest
        read = rows if name.startswith("ums-replay,") or "history" in name else rows * 9 / 10
        print(f"| {name} | **{median:.2f}** | {least:.2f} to {most:.2f} | {cpu:.2f} | {read / median / 1e6:.2f} | {memory:.0f} |")
    print("\n```")
    print(f"ums-replay --as-of {id} parquet:LOG > /dev/null")
    print("```")


if __name__ == "__main__":
    main()
