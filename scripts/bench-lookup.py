"""Measures ums-join --lookup against the stores that are given and prints the report. Called by scripts/bench."""

import argparse
import datetime
import os
import random
import statistics
import subprocess
import sys

from bench_measure import measured, processor, say

FIELDS = [("_ums_id_", "long"), ("_ums_ts_", "datetime"), ("_ums_op_", "string"), ("_ums_uid_", "string"), ("id", "long"),
          ("customer", "long"), ("amount", "decimal"), ("note", "string")]


def make(path, rows, keys):
    """Messages of 500 rows, keys in random order, one in ten of them absent from the store."""
    numbers = random.Random(1)
    fields = ",".join(f'{{"name":"{name}","type":"{kind}","nullable":false,"encoded":false}}' for name, kind in FIELDS)
    head = ('{"protocol":{"type":"data_increment_data","version":"1.3"},"schema":{"namespace":"mysql.db1.shop.orders.0.0.0",'
            f'"batchId":0,"keys":["id"],"fields":[{fields}]}},"payload":[')
    with open(path + ".tmp", "w", encoding="ascii") as out:
        for first in range(1, rows + 1, 500):
            tuples = (f'{{"tuple":["{103000000000000 + row}","2026-11-21 01:02:03.000000","I","binlog.000103:{row}","{row}",'
                      f'"{numbers.randrange(keys)}","{row % 1000}.50","a note that is somewhat longer {row}"]}}'
                      for row in range(first, min(first + 500, rows + 1)))
            out.write(head + ",".join(tuples) + "]}\n")
    os.rename(path + ".tmp", path)


def customers(keys):
    return [key for key in range(keys) if key % 10 != 9]


def fill(address, client, keys):
    """Puts the customers into a store by its own client."""
    if address.startswith("redis:"):
        text = "".join(f"HSET customer:{key} name name{key} city city{key % 100}\n" for key in customers(keys))
    else:
        create = ("DROP TABLE IF EXISTS customer; CREATE TABLE customer (id BIGINT PRIMARY KEY, name VARCHAR(40), "
                  "city VARCHAR(40));\n")
        rows = [f"({key}, 'name{key}', 'city{key % 100}')" for key in customers(keys)]
        text = create + "".join("INSERT INTO customer VALUES " + ", ".join(rows[at:at + 1000]) + ";\n"
                                for at in range(0, len(rows), 1000))
    subprocess.run(["bash", "-c", client], input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--join", required=True)
    parser.add_argument("--input", required=True)
    parser.add_argument("--store", action="append", nargs=3, default=[], metavar=("NAME", "ADDRESS", "CLIENT"),
                        help="CLIENT is a shell command that takes the store's statements")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=10_000)
    given = parser.parse_args()
    if not os.path.exists(given.input):
        say("making the input")
        make(given.input, given.rows, given.keys)
    found = subprocess.run(["grep", "-o", r'"[0-9]*","[0-9.]*","a note', given.input], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    wanted = sum(line.split('"')[1][-1] != "9" for line in found)
    print(f"# ums-join --lookup, {datetime.date.today().isoformat()}\n")
    print(f"Machine: {processor()}, {os.cpu_count()} cores; the stores on the same machine.  ")
    print(f"Input: {os.path.getsize(given.input) / 1e6:.0f} MB of UMS, {given.rows} rows, 500 a message, {given.keys} distinct keys in "
          f"random order, one in ten absent; {wanted} rows find one. Median of {given.runs} runs after one to warm up.\n")
    print("| Store | Seconds | CPU seconds | Thousand rows/s | Peak MB |\n|---|---|---|---|---|")
    for name, address, client in given.store:
        say(name)
        fill(address, client, given.keys)
        query = "SELECT name, city FROM customer WHERE id IN (:customer)"
        if address.startswith("redis:"):
            query = "SELECT name, city FROM HASH 'customer:{customer}'"
        command = [given.join, "--quiet", "--from", given.input, "--lookup", address, "--query", query]
        results = subprocess.run(command, check=True, capture_output=True).stdout.count(b'{"tuple":[')
        if results != wanted:
            sys.exit(f"bench-lookup: {name}: {results} results instead of {wanted}")
        runs = [measured(command) for _ in range(given.runs)]
        if any(code != 0 for *_, code in runs):
            sys.exit(f"bench-lookup: {name} failed: {runs[0][-2]}")
        seconds, cpu, memory = (statistics.median(run[place] for run in runs) for place in range(3))
        print(f"| {name} | {seconds:.2f} | {cpu:.2f} | {given.rows / seconds / 1000:.0f} | {memory:.0f} |")


main()
