"""Compares what the Spark job has written with the messages of ums-replay.

usage: spark.py MESSAGES OUT
"""

import base64
import datetime
import decimal
import json
import os
import sys
import urllib.parse

import pyarrow
import pyarrow.parquet

EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)


def value(kind, cell):
    if cell is None:
        return None
    text = str(cell)
    try:
        if kind in ("int", "long"):
            return int(text)
        if kind == "float":
            return pyarrow.scalar(float(text), pyarrow.float32()).as_py()
        if kind == "double":
            return float(text)
        if kind == "boolean":
            return bool(cell)
        if kind == "decimal":
            return decimal.Decimal(text)
        if kind == "date":
            return datetime.date.fromisoformat(text)
        if kind == "datetime":
            return (datetime.datetime.fromisoformat(text) - EPOCH) // MICROSECOND
        if kind == "binary":
            return base64.b64decode(text)
    except ValueError:
        pass
    return text


def stored(cell):
    """A cell of the job's as `value` gives it."""
    if isinstance(cell, datetime.datetime):
        return (cell.replace(tzinfo=None) - EPOCH) // MICROSECOND
    return cell


def main():
    messages, out = sys.argv[1:]
    tables = {}
    for line in open(messages):
        message = json.loads(line)
        parts = message["schema"]["namespace"].split(".")
        rows = tables.setdefault(".".join(parts[:4] + parts[5:]), {})
        fields = message["schema"]["fields"]
        for row in message["payload"]:
            cells = {field["name"]: value(field["type"], cell) for field, cell in zip(fields, row["tuple"])}
            cells["_ums_version_"] = int(parts[4])
            rows[cells["_ums_uid_"]] = cells
    wrong, count = 0, 0
    folders = {urllib.parse.unquote(name): name for name in os.listdir(out)}
    if set(folders) != set(tables):
        sys.exit(f"tables {sorted(folders)} and {sorted(tables)}")
    for table, wanted in tables.items():
        read = pyarrow.parquet.read_table(os.path.join(out, folders[table]), partitioning=None)
        seen = {row["_ums_uid_"]: row for row in read.to_pylist()}
        if len(seen) != read.num_rows or set(seen) != set(wanted):
            print(f"{table}: {read.num_rows} rows where ums-replay has {len(wanted)}; "
                  f"uids of one alone: {sorted(set(seen) ^ set(wanted))[:5]}")
            wrong += 1
            continue
        count += len(seen)
        for uid, row in seen.items():
            for name, cell in row.items():
                spelled = row.get("_ums_text_" + name)
                cell = stored(cell) if spelled is None else spelled
                # What no image had is absent there and NULL here.
                if cell != wanted[uid].get(name) and not name.startswith("_ums_text_"):
                    print(f"{table}, {uid}, {name}: {wanted[uid].get(name)!r:.80} and {cell!r:.80}")
                    wrong += 1
            for name in set(wanted[uid]) - set(row):
                print(f"{table}: {name} is missing")
                wrong += 1
    print(f"{len(tables)} tables, {count} rows, {wrong} differences")
    sys.exit(1 if wrong else 0)


main()
