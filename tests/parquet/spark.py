"""Compares a Parquet log, as Spark reads it, with the values that were sent.

usage: spark.py ROOT EXPECTED.json
"""

import datetime
import decimal
import json
import sys

from pyspark.sql import SparkSession, functions
from pyspark.sql.types import TimestampNTZType, TimestampType

from readers import check

TYPES = {"_ums_id_": "bigint", "_ums_ts_": "timestamp", "_ums_op_": "string", "_ums_uid_": "string",
         "i": "int", "l": "bigint", "f": "float", "d": "double", "b": "boolean",
         "d9": "decimal(9,2)", "d18": "decimal(18,18)", "d38": "decimal(38,0)",
         "d3838": "decimal(38,38)", "d19": "decimal(19,4)", "d65": "string", "dd": "string",
         "u": "decimal(20,0)", "day": "date", "wall": "timestamp_ntz", "utc": "timestamp",
         "s": "string", "bin": "binary"}


def plain(value):
    """Spark's Python value in the types that DuckDB and pyarrow give."""
    return bytes(value) if isinstance(value, bytearray) else value


def main():
    root, expected = sys.argv[1:]
    job = json.load(open(expected))
    types = {"_ums_id_": "long", "_ums_ts_": "datetime", "_ums_op_": "string",
             "_ums_uid_": "string", **job["types"]}
    sent = [{name: None if value is None else str(value) for name, value in row.items()}
            | {"_ums_id_": row["_ums_id_"]} for row in job["rows"]]
    spark = (SparkSession.builder.master("local[1]").appName("dws")
             .config("spark.ui.enabled", "false")
             .config("spark.sql.session.timeZone", "UTC")
             .config("spark.driver.bindAddress", "127.0.0.1")
             .config("spark.driver.host", "127.0.0.1")
             .config("spark.driver.memory", "1g")
             .getOrCreate())
    table = (spark.read.option("recursiveFileLookup", "true").option("mergeSchema", "true")
             .parquet(root + "/mysql"))
    wrong = 0
    found = dict(table.dtypes)
    for name, kind in TYPES.items():
        if found.get(name) != kind:
            print(f"Spark: {name} is a {found.get(name)} and not a {kind}")
            wrong += 1
    count = table.count()
    # Python has no value for each moment that Spark has: they come as microseconds.
    for field in table.schema.fields:
        if isinstance(field.dataType, (TimestampType, TimestampNTZType)):
            moment = functions.col(field.name).cast("timestamp")
            table = table.withColumn(field.name, functions.unix_micros(moment))
    rows = [{name: plain(value) for name, value in row.asDict().items()}
            for row in table.collect()]
    wrong += check("Spark", rows, types, sent)
    print(f"Spark {spark.version}: {count} rows, {wrong} values wrong")
    spark.stop()
    sys.exit(1 if wrong or count != len(sent) else 0)


main()
