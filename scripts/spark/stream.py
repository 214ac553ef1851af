"""Windows and joins over UMS messages as Spark Structured Streaming jobs: what `ums-join` does with
`--mode append`, for streams that are more than one machine's work. docs/spark.md says what differs.

usage: spark-submit scripts/spark/stream.py window --source SOURCE --namespace PATTERN --to TARGET ...
       spark-submit scripts/spark/stream.py join --source SOURCE --left PATTERN --right PATTERN --to TARGET ...
       python scripts/spark/stream.py ...                     (pyspark, local mode)

SOURCE is a folder of files with one message a line, or kafka://HOST:PORT,.../TOPIC whose values are
messages. TARGET is parquet:FOLDER, or console. Rows count when they are inserts or updates; each is
an event of its own, and one that is delivered again counts once.
"""

import argparse
import json
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

MESSAGE = ("protocol STRUCT<type: STRING>, schema STRUCT<namespace: STRING, fields: ARRAY<STRUCT<name: STRING>>>, "
           "payload ARRAY<STRUCT<tuple: ARRAY<STRING>>>")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("job", choices=["window", "join"])
    parser.add_argument("--source", required=True)
    parser.add_argument("--to", required=True, help="parquet:FOLDER, or console")
    parser.add_argument("--checkpoint", required=True, help="a folder of Spark's own")
    parser.add_argument("--lateness", default="5 seconds", help="how far rows may be behind the newest [5 seconds]")
    parser.add_argument("--once", action="store_true", help="take what is there, and end")
    parser.add_argument("--namespace", default="*", help="window: rows of these tables")
    parser.add_argument("--size", default="1 minute")
    parser.add_argument("--slide", help="window: one begins so often [the size]")
    parser.add_argument("--session", help="window: instead of --size, the pause that ends one")
    parser.add_argument("--group", default="", help="window: columns, with commas")
    parser.add_argument("--sum", default="", help="window: a column whose exact sum is told")
    parser.add_argument("--left")
    parser.add_argument("--right")
    parser.add_argument("--on", help="join: LEFT=RIGHT")
    parser.add_argument("--within", default="10 minutes")
    parser.add_argument("--outer", action="store_true", help="join: left rows alone, too, when their time is over")
    return parser.parse_args()


def messages(spark, source):
    if source.startswith("kafka://"):
        hosts, _, topic = source.removeprefix("kafka://").partition("/")
        lines = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", hosts).option("subscribe", topic)
                 .option("startingOffsets", "earliest").load().select(F.col("value").cast("string").alias("value")))
    else:
        lines = spark.readStream.text(source)
    return lines.select(F.from_json("value", MESSAGE).alias("m")).select("m.*")


def like(pattern):
    """A namespace's pattern as a regular expression: parts that are missing match everything."""
    parts = [part.replace("%", "%%").replace("*", "[^.]*") for part in pattern.split(".")]
    return "^" + r"\.".join(parts) + (r"(\..*)?$" if len(parts) < 7 else "$")


def rows(spark, given, pattern):
    """Inserts and updates of some tables: a row as a map from names to texts, with its time as `ts`."""
    names = F.transform("schema.fields", lambda field: field["name"])
    of_table = messages(spark, given.source).where(F.col("protocol.type").rlike("_data$"))
    of_table = of_table.where(F.col("schema.namespace").rlike(like(pattern)))
    one = of_table.select(names.alias("names"), F.explode("payload").alias("row"))
    one = one.select(F.map_from_arrays("names", "row.tuple").alias("row"))
    one = one.where(F.upper(F.element_at("row", "_ums_op_")).isin("I", "U"))
    one = one.select("row", F.element_at("row", "_ums_uid_").alias("uid"),
                     F.to_timestamp(F.element_at("row", "_ums_ts_")).alias("ts"))
    return one.withWatermark("ts", given.lateness).dropDuplicatesWithinWatermark(["uid"])


def windowed(spark, given):
    wanted = [name for name in given.group.split(",") if name]
    span = F.session_window("ts", given.session) if given.session else F.window("ts", given.size, given.slide or given.size)
    keys = [F.element_at("row", name).alias(name) for name in wanted]
    sums = [F.count("*").alias("n")]
    if given.sum:
        sums.append(F.sum(F.element_at("row", given.sum).cast("decimal(38,6)")).alias("total"))
    found = rows(spark, given, given.namespace).groupBy(span.alias("span"), *keys).agg(*sums)
    return found.select(F.col("span.start").alias("window_start"), F.col("span.end").alias("window_end"), *wanted, "n",
                        *(["total"] if given.sum else []))


def joined(spark, given):
    left_name, _, right_name = given.on.partition("=")
    left = rows(spark, given, given.left).select(F.element_at("row", left_name.strip()).alias("left_key"),
                                                 F.col("row").alias("left_row"), F.col("ts").alias("left_ts"))
    right = rows(spark, given, given.right).select(F.element_at("row", right_name.strip()).alias("right_key"),
                                                   F.col("row").alias("right_row"), F.col("ts").alias("right_ts"))
    near = F.expr(f"left_key = right_key AND right_ts >= left_ts - INTERVAL {given.within} "
                  f"AND right_ts <= left_ts + INTERVAL {given.within}")
    found = left.join(right, near, "leftOuter" if given.outer else "inner")
    return found.select(F.to_json("left_row").alias("left_row"), F.to_json("right_row").alias("right_row"), "left_ts", "right_ts")


def main():
    given = arguments()
    spark = SparkSession.builder.appName("ums").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    found = (windowed if given.job == "window" else joined)(spark, given)
    writer = found.writeStream.outputMode("append").option("checkpointLocation", given.checkpoint)
    if given.once:
        writer = writer.trigger(availableNow=True)
    if given.to == "console":
        query = writer.format("console").option("truncate", False).start()
    else:
        query = writer.format("parquet").option("path", given.to.removeprefix("parquet:")).start()
    query.awaitTermination()
    if query.lastProgress:
        late = [json.loads(json.dumps(part, default=str)).get("numRowsDroppedByWatermark") for part in query.lastProgress["stateOperators"]]
        print("rows that came too late in the last batch:", late, file=sys.stderr)


if __name__ == "__main__":
    main()
