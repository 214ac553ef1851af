"""Counts the rows of a log over and over while it is written and compacted: ids are 0, 1, 2 and so
on, so that the greatest one says how many there have to be.

usage: beside.py ROOT DONE ENOUGH READER   ends when the file DONE is there, and makes the file ENOUGH when it
                                           has read often enough; READER is duckdb or pyarrow
"""

import collections
import os
import sys

import duckdb
import pyarrow.dataset

root, done, enough, reader = sys.argv[1:]
database = duckdb.connect()
query = f"""SELECT count(*), count(DISTINCT _ums_id_), max(_ums_id_) + 1
            FROM read_parquet('{root}/**/*.parquet')"""


def ask():
    if reader == "duckdb":
        return database.execute(query).fetchone()
    table = pyarrow.dataset.dataset(root, format="parquet").to_table(columns=["_ums_id_"])
    ids = table.column(0).to_pylist()
    return len(ids), len(set(ids)), max(ids) + 1


seen, least = collections.Counter(), 0
while not os.path.exists(done):
    try:
        rows, ids, wanted = ask()
    except (duckdb.IOException, OSError) as error:
        seen[str(error).split('"')[0].split("/")[0].strip()] += 1
        continue
    seen["right"] += 1
    if seen["right"] == 11:
        open(enough, "w").close()
    # What is written while the names are listed may be seen in part: of the newest rows some.
    if rows != ids or rows < least or wanted - rows > 16:
        print(f"{rows} rows, {ids} of them different, where there are {wanted}, and were {least}")
        sys.exit(1)
    least = rows
print(dict(seen))
sys.exit(0 if seen["right"] > 10 else 1)
