"""Measures ums-join beside DuckDB on one file of UMS and prints the report. Called by scripts/bench."""

import datetime
import os
import random
import subprocess
import sys

from bench_measure import given_input, heading, medians, message_head

FIELDS = [("_ums_id_", "long"), ("_ums_ts_", "datetime"), ("_ums_op_", "string"), ("_ums_uid_", "string"), ("id", "long"),
          ("amount", "decimal"), ("customer", "int"), ("city", "string"), ("note", "string")]
MARKER = [("_ums_id_", "long"), ("_ums_ts_", "datetime"), ("file", "string"), ("pos", "long"), ("gtid", "string"),
          ("server", "string"), ("base", "long")]
READ = """
import sys, duckdb
path, threads, query = sys.argv[1:]
base = duckdb.connect()
base.execute("SET enable_progress_bar = false")
base.execute(f"SET threads = {threads}")
base.execute("CREATE VIEW t AS SELECT CAST(t[1]->>'$' AS BIGINT) AS ums_id, CAST(t[2]->>'$' AS TIMESTAMP) AS ts, t[3]->>'$' AS op, "
             "CAST(t[5]->>'$' AS BIGINT) AS id, CAST(t[6]->>'$' AS DECIMAL(12,2)) AS amount, "
             "CAST(t[7]->>'$' AS INTEGER) AS customer, t[8]->>'$' AS city, ns FROM (SELECT unnest(payload).tuple AS t, schema.namespace AS ns "
             "FROM read_json('" + path + "', format = 'newline_delimited', maximum_object_size = 268435456, "
             "columns = {protocol: 'STRUCT(type VARCHAR)', schema: 'STRUCT(namespace VARCHAR)', payload: 'STRUCT(tuple JSON[])[]'}) "
             "WHERE protocol.type = 'data_increment_data')")
print(base.execute(query).fetchone()[0])
"""
NEWEST = "(SELECT arg_max(op, ums_id) AS op, arg_max(ts, ums_id) AS ts, arg_max(amount, ums_id) AS amount, arg_max(city, ums_id) AS city FROM t GROUP BY id)"
SUMS = "count(*) AS n, sum(amount) AS total"
WINDOWS = "SELECT count(*) FROM (SELECT time_bucket(INTERVAL '1 minute', ts), city, " + SUMS + " FROM {} GROUP BY ALL)"
JOIN = ("SELECT count(*) FROM t a JOIN t b ON a.customer = b.customer AND a.ns LIKE '%orders%' AND b.ns LIKE '%payments%' "
        "AND b.ts BETWEEN a.ts - INTERVAL '2 seconds' AND a.ts + INTERVAL '2 seconds'")


def make(path, size):
    """Messages of 500 rows of two tables, one in five rows an update, 10,000 rows a second, a marker a second."""
    numbers = random.Random(1)
    cities = [f"city number {number}" for number in range(100)]
    tables = ["orders", "payments"]
    heads = [message_head("data", f"mysql.db1.shop.{table}.0.0.0", FIELDS) for table in tables]
    marker = message_head("heartbeat", "mysql.db1.*.*.*.*.*", MARKER)
    row, message, begun = 0, 0, datetime.datetime(2026, 11, 21)
    with open(path, "w", encoding="ascii") as out:
        while out.tell() < size:
            rows = []
            for _ in range(500):
                row += 1
                key = numbers.randrange(max(1, row - 200_000), row) if row > 1 and numbers.random() < 0.2 else row
                op = "I" if key == row else "U"
                ts = (begun + datetime.timedelta(microseconds=row * 100)).isoformat(" ", "microseconds")
                rows.append(f'{{"tuple":["{103000000000000 + row}","{ts}","{op}","binlog.000103:{row}","{key}",'
                            f'"{numbers.randrange(1000)}.{numbers.randrange(100):02}",{numbers.randrange(100000)},"{cities[row % 100]}",'
                            f'"a note that is somewhat longer {row}"]}}')
            out.write(heads[message % 10 == 9] + ",".join(rows) + "]}\n")
            message += 1
            if message % 20 == 0:
                out.write(marker + f'{{"tuple":["{103000000000001 + row}","{ts}","binlog.000103","{row}","","","0"]}}]}}\n')


def main():
    given = given_input("join", make)
    size = os.path.getsize(given.input)
    ours = lambda *rules: [given.join, "--quiet", "--from", given.input, *rules]
    windows = ["--window", "tumble:1m", "--group-by", "city", "--agg", SUMS]
    pairs = ["--left", "*.*.shop.orders", "--right", "*.*.shop.payments", "--on", "customer = customer", "--within", "2s"]
    duck = lambda threads, query: [sys.executable, "-c", READ, given.input, str(threads), query]
    contestants = [
        ("ums-join (union)", ours()),
        ("ums-join --mode append --window", ours("--mode", "append", *windows)),
        ("ums-join --window (by key)", ours(*windows)),
        ("ums-join --window --keep forever (by key)", ours("--keep", "forever", *windows)),
        ("ums-join --on", ours(*pairs, "--lateness", "1s")),
        ("DuckDB, windows of all changes, one thread", duck(1, WINDOWS.format("t"))),
        ("DuckDB, windows of the newest versions, one thread", duck(1, WINDOWS.format(NEWEST))),
        ("DuckDB, join, one thread", duck(1, JOIN)),
    ]
    rows = int(subprocess.run(duck(2, "SELECT count(*) FROM t"), check=True, capture_output=True).stdout)
    # Ids of results and of markers begin with 1.
    kept = subprocess.run(ours("--mode", "append", *windows), check=True, capture_output=True).stdout.count(b'{"tuple":["1')
    markers = subprocess.run(["grep", "-c", "heartbeat", given.input], check=False, capture_output=True).stdout
    wanted = subprocess.run(duck(2, WINDOWS.format("t")), check=True, capture_output=True).stdout
    if kept - int(markers) != int(wanted):
        sys.exit(f"bench-join: ums-join has {kept - int(markers)} groups, DuckDB {int(wanted)}")
    heading("ums-join")
    print(f"Input: {size / 1e6:.0f} MB of UMS, {rows} rows, 500 a message, one in five an update, in the page cache; output to /dev/null. "
          f"Windows of a minute by 100 cities: {int(wanted)} groups, as many as DuckDB has. Median of {given.runs} runs after one to "
          "warm up.\n")
    print("| Command | Seconds | CPU seconds | Thousand rows/s | Peak MB |\n|---|---|---|---|---|")
    for name, command in contestants:
        seconds, cpu, memory = medians(name, command, given.runs)
        print(f"| {name} | {seconds:.2f} | {cpu:.2f} | {rows / seconds / 1000:.0f} | {memory:.0f} |")


main()
