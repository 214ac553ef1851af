"""Compares a Parquet log, as DuckDB and pyarrow read it, with the values that were sent.

usage: readers.py ROOT EXPECTED.json
"""

import base64
import datetime
import decimal
import glob
import json
import sys

import duckdb
import pyarrow
import pyarrow.parquet

EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)


def from_text(kind, text):
    """The value that a cell's text means; ("text", ...) where Python has none for it."""
    if text is None:
        return None
    try:
        if kind in ("int", "long"):
            value = int(text)
            return value if -(2 ** (31 if kind == "int" else 63)) <= value < 2 ** (
                31 if kind == "int" else 63) else ("text", text)
        if kind == "float":
            return pyarrow.scalar(float(text), pyarrow.float32()).as_py()
        if kind == "double":
            return float(text)
        if kind == "boolean":
            return text == "true"
        if kind == "decimal":
            return decimal.Decimal(text)
        if kind == "date":
            return datetime.date.fromisoformat(text)
        if kind == "datetime":
            return (datetime.datetime.fromisoformat(text) - EPOCH) // MICROSECOND
        if kind == "binary":
            return base64.b64decode(text)
        return text
    except ValueError:
        return ("text", text)


def check(reader, table, types, expected):
    wrong = 0
    by_id = {row["_ums_id_"]: row for row in table}
    if len(table) != len(expected) or len(by_id) != len(expected):
        print(f"{reader}: {len(table)} rows where {len(expected)} were sent")
        return 1
    for sent in expected:
        row = by_id[sent["_ums_id_"]]
        for name, kind in types.items():
            wanted = from_text(kind, sent[name])
            found = row[name]
            if kind == "decimal" and isinstance(found, str):
                found = decimal.Decimal(found)
            spelled = row.get("_ums_text_" + name)
            if spelled is not None:
                found = ("text", spelled) if found is None else ("both", found, spelled)
                # A decimal beyond its column has a value in Python all the same.
                if kind == "decimal":
                    wanted = ("text", sent[name])
            if type(wanted) is not type(found) or repr(wanted) != repr(found):
                print(f"{reader}: {name}: {wanted!r:.80} was sent and {found!r:.80} is read")
                wrong += 1
    return wrong


def main():
    root, expected = sys.argv[1:]
    job = json.load(open(expected))
    types = {"_ums_id_": "long", "_ums_ts_": "datetime", "_ums_op_": "string",
             "_ums_uid_": "string", **job["types"]}
    sent = [{name: None if value is None else str(value) for name, value in row.items()}
            | {"_ums_id_": row["_ums_id_"]} for row in job["rows"]]
    moments = [name for name, kind in types.items() if kind == "datetime"]

    files = sorted(glob.glob(root + "/mysql/**/*.parquet", recursive=True))
    table = []
    for path in files:
        read = pyarrow.parquet.read_table(path, partitioning=None)
        for name in moments:
            assert pyarrow.types.is_timestamp(read.schema.field(name).type), name
            index = read.schema.get_field_index(name)
            read = read.set_column(index, name, read.column(name).cast(pyarrow.int64()))
        table += read.to_pylist()
    wrong = check("pyarrow", table, types, sent)

    database = duckdb.connect()
    database.execute("SET TimeZone = 'Asia/Kathmandu'")
    source = f"read_parquet('{root}/mysql/**/*.parquet', union_by_name = true)"
    described = {name: kind for name, kind, *_ in
                 database.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    replaced = ", ".join(f"epoch_us({name}) AS {name}" for name in moments)
    query = database.execute(f"SELECT * REPLACE ({replaced}) FROM {source}")
    names = [column[0] for column in query.description]
    wrong += check("DuckDB", [dict(zip(names, row)) for row in query.fetchall()], types, sent)
    for name, kind in {"_ums_ts_": "TIMESTAMP WITH TIME ZONE", "utc": "TIMESTAMP WITH TIME ZONE",
                       "wall": "TIMESTAMP", "u": "DECIMAL(20,0)", "d38": "DECIMAL(38,0)",
                       "day": "DATE", "bin": "BLOB", "d65": "VARCHAR", "i": "INTEGER"}.items():
        if described[name] != kind:
            print(f"DuckDB: {name} is a {described[name]} and not a {kind}")
            wrong += 1
    print(f"{len(files)} files, {len(table)} rows, {wrong} values wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
