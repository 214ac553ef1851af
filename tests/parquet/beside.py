"""Counts the rows of a log over and over while it is written and compacted: ids are 0, 1, 2 and so
on, so that the greatest one says how many there have to be.

usage: beside.py ROOT DONE      ends when the file DONE is there
"""

import collections
import os
import sys

import duckdb

root, done = sys.argv[1:]
database = duckdb.connect()
query = f"""SELECT count(*), count(DISTINCT _ums_id_), max(_ums_id_) + 1
            FROM read_parquet('{root}/**/*.parquet')"""
seen, least = collections.Counter(), 0
while not os.path.exists(done):
    try:
        rows, ids, wanted = database.execute(query).fetchone()
    except duckdb.IOException as error:
        seen[str(error).split('"')[0].strip()] += 1
        continue
    seen["right"] += 1
    # What is written while the names are listed may be seen in part: of the newest rows some.
    if rows != ids or rows < least or wanted - rows > 16:
        print(f"{rows} rows, {ids} of them different, where there are {wanted}, and were {least}")
        sys.exit(1)
    least = rows
print(dict(seen))
sys.exit(0 if seen["right"] > 10 else 1)
