"""Answers which rows are TRUE and which are FALSE for each expression, by DuckDB. Reads one JSON
object from standard input, writes one JSON array: two lists of row numbers each, or DuckDB's error."""

import json
import sys

import duckdb

# Whole numbers as HUGEINT: ours do not end at 64 bits.
TYPES = {
    "long": "HUGEINT", "int": "HUGEINT", "decimal": "DECIMAL(24,4)", "double": "DOUBLE", "string": "VARCHAR",
    "boolean": "BOOLEAN", "date": "DATE", "datetime": "TIMESTAMP",
}

asked = json.load(sys.stdin)
base = duckdb.connect()
# Newer versions end a query at a division by zero unless told otherwise; ours gives NULL.
if base.execute("SELECT count(*) FROM duckdb_settings() WHERE name = 'error_on_division_by_zero'").fetchone()[0]:
    base.execute("SET error_on_division_by_zero = false")
columns = [(name, TYPES[kind]) for name, kind in asked["columns"]]
base.execute("CREATE TABLE t (row_number INTEGER, " + ", ".join(f"{name} {kind}" for name, kind in columns) + ")")
values = ", ".join(f"CAST(? AS {kind})" for _, kind in columns)
for number, row in enumerate(asked["rows"]):
    base.execute(f"INSERT INTO t VALUES (?, {values})", [number, *row])
answers = []
for expression in asked["expressions"]:
    try:
        found = base.execute(f"SELECT row_number, {expression} FROM t ORDER BY row_number").fetchall()
        answers.append([[n for n, truth in found if truth is True], [n for n, truth in found if truth is False]])
    except duckdb.Error as error:
        answers.append(str(error))
json.dump(answers, sys.stdout)
