"""Measures ums-filter beside jq, jaq, Miller and DuckDB on one file of UMS and prints the report; tools that
are not installed are named as absent. Called by scripts/bench."""

import json
import os
import random
import shutil
import subprocess
import sys

from bench_measure import given_input, heading, medians, message_head

FIELDS = [("_ums_id_", "long"), ("_ums_ts_", "datetime"), ("_ums_op_", "string"), ("_ums_uid_", "string"), ("id", "long"),
          ("amount", "decimal"), ("customer", "int"), ("name", "string"), ("note", "string"), ("at", "datetime")]
DUCKDB = """
import sys, duckdb
path, count = sys.argv[1:]
base = duckdb.connect()
base.execute("SET enable_progress_bar = false")
base.execute("SET threads = 1; SET enable_progress_bar = false")
rows = ("SELECT t FROM (SELECT unnest(payload).tuple AS t FROM read_json('" + path + "', format = 'newline_delimited', "
        "maximum_object_size = 268435456, columns = {payload: 'STRUCT(tuple VARCHAR[])[]'})) "
        "WHERE CAST(t[6] AS DECIMAL(12,2)) >= 900")
if count == "count":
    print(base.execute(f"SELECT count(*) FROM ({rows})").fetchone()[0])
else:
    base.execute(f"COPY ({rows}) TO '/dev/null' (FORMAT csv)")
"""
MILLER = '$payload = select($payload, func(row) {return float(row["tuple"][6]) >= 900}); filter length($payload) > 0'
JQ = ".payload |= map(select((.tuple[5] | tonumber) >= 900)) | select(.payload != [])"


def make(path, size):
    """Messages of 500 rows, about 170 bytes a row; the same for every run."""
    numbers = random.Random(1)
    head = message_head("data", "mysql.db1.shop.orders.0.0.0", FIELDS)
    row = 0
    with open(path, "w", encoding="ascii") as out:
        while out.tell() < size:
            rows = []
            for _ in range(500):
                row += 1
                rows.append(f'{{"tuple":["{103000000000000 + row}","2026-11-21 01:02:03.{row % 1000000:06}","I","binlog.000103:{row}","{row}",'
                            f'"{numbers.randrange(1000)}.{numbers.randrange(100):02}",{numbers.randrange(10000)},"customer name {row}",'
                            f'"a note that is somewhat longer {row}","2026-11-21 01:02:{row % 60:02}"]}}')
            out.write(head + ",".join(rows) + "]}\n")


def main():
    given = given_input("filter", make)
    size = os.path.getsize(given.input)
    ours = lambda *rules: [given.filter, "--quiet", "--from", given.input, *rules]
    contestants = [
        ("ums-filter", ours()),
        ("ums-filter --where TRUE", ours("--where", "TRUE")),
        ("ums-filter --where 'amount >= 900'", ours("--where", "amount >= 900")),
        ("ums-filter --select 'id, amount * 2 AS twice'", ours("--select", "id, amount * 2 AS twice")),
        ("ums-filter --where 'amount >= 900' --flat", ours("--where", "amount >= 900", "--flat")),
        ("DuckDB, one thread", [sys.executable, "-c", DUCKDB, given.input, "write"]),
        ("DuckDB, one thread, rows counted only", [sys.executable, "-c", DUCKDB, given.input, "count"]),
    ]
    absent = []
    for tool in ("jq", "jaq"):
        if shutil.which(tool):
            contestants.append((tool, [tool, "-c", JQ, given.input]))
        else:
            absent.append(tool)
    if shutil.which("mlr"):
        contestants.append(("Miller", ["mlr", "--records-per-batch", "20", "--ijsonl", "--ojsonl", "put", MILLER, given.input]))
    else:
        absent.append("Miller")
    kept = subprocess.run([*ours("--where", "amount >= 900")], check=True, capture_output=True).stdout.count(b'{"tuple":[')
    counted = subprocess.run([sys.executable, "-c", DUCKDB, given.input, "count"], check=True, capture_output=True).stdout
    if int(counted) != kept:
        sys.exit(f"bench-filter: ums-filter keeps {kept} rows, DuckDB {int(counted)}")
    # Whoever is measured must have done the same.
    for name, command in contestants:
        if name in ("jq", "jaq", "Miller"):
            found = subprocess.run(command, check=True, capture_output=True).stdout
            rows = sum(len(json.loads(line)["payload"]) for line in found.splitlines())
            if rows != kept:
                sys.exit(f"bench-filter: ums-filter keeps {kept} rows, {name} {rows}")
    heading("ums-filter")
    print(f"Input: {size / 1e6:.0f} MB of UMS, 500 rows a message, in the page cache; output to /dev/null. {kept} rows have an amount of 900 "
          f"or more; DuckDB counts the same. Median of {given.runs} runs after one to warm up.\n")
    print("| Command | Seconds | CPU seconds | MB/s a core | Peak MB |\n|---|---|---|---|---|")
    for name, command in contestants:
        seconds, cpu, memory = medians(name, command, given.runs)
        print(f"| {name} | {seconds:.2f} | {cpu:.2f} | {size / 1e6 / cpu:.0f} | {memory:.0f} |")
    if absent:
        print(f"\nNot installed here: {', '.join(absent)}.")


main()
