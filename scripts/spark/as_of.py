"""The state of every key of a Parquet log as of a row or a moment, as a Spark job: what
`ums-replay --as-of` gives, for logs that are more than one machine's work.

usage: spark-submit scripts/spark/as_of.py [options] LOG OUT
       python scripts/spark/as_of.py [options] LOG OUT        (pyspark, local mode)

LOG is the folder that `ums-sink parquet:DIR` has written, on any file system that Spark knows. For
each table OUT gets a folder `type.source.schema.table.dbshard.tableshard` of Parquet files with one
row a key: the columns of the log, `_ums_id_`, `_ums_ts_`, `_ums_op_` and `_ums_uid_` of the newest
change, and `_ums_version_`, the table's version that it was written under.

What counts is what counts there: the newest row of a key over all versions of the table, by
`_ums_id_`; deleted keys and images before updates are left out; from partial row images the newest
value of each column since the row's insert, within one version. A column that no image had is NULL
here, where `ums-replay` leaves it out. Values that a typed column cannot hold stand in
`_ums_text_COLUMN`, as in the log.

Files whose names begin later than WHEN are not opened. Do not compact the log meanwhile.
"""

import argparse
import datetime
import fnmatch
import json
import re
import sys
import urllib.parse

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, StringType

SYSTEM = ["_ums_id_", "_ums_ts_", "_ums_op_", "_ums_uid_"]
EPOCH = datetime.datetime(1970, 1, 1)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("log", metavar="LOG")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument("--as-of", metavar="WHEN", required=True,
                        help="an id, or a time in UTC: YYYY-MM-DD[THH:MM:SS[.ffffff]]; it counts itself")
    parser.add_argument("--namespace", metavar="PATTERN", action="append", default=[],
                        help="only these tables: 'mysql.db1.shop.*'; may be repeated")
    parser.add_argument("--newest-version", action="store_true",
                        help="only the newest version of each table that there is by then")
    parser.add_argument("--keys", metavar="COLUMN,COLUMN",
                        help="the key, for tables that have none")
    parser.add_argument("--mode", choices=["error", "overwrite"], default="error",
                        help="what to do when OUT is there already [error]")
    return parser.parse_args()


def bound(text):
    """(id, None) or (None, microseconds since 1970)."""
    text = text.removesuffix("Z")
    if re.fullmatch(r"-?\d+", text):
        return int(text), None
    try:
        at = datetime.datetime.fromisoformat(text.removeprefix("@"))
    except ValueError:
        sys.exit("as_of: WHEN is an id (a whole number) or YYYY-MM-DD[THH:MM:SS[.ffffff]]")
    return None, (at - EPOCH) // datetime.timedelta(microseconds=1)


# ---- which files -------------------------------------------------------------------------------


class Log:
    """The log's files, by Spark's own view of file systems."""

    def __init__(self, spark, root):
        self.jvm = spark.sparkContext._jvm
        self.conf = spark.sparkContext._jsc.hadoopConfiguration()
        self.root = root
        self.files = self.jvm.org.apache.hadoop.fs.Path(root).getFileSystem(self.conf)

    def path(self, inner):
        return self.jvm.org.apache.hadoop.fs.Path(self.root + "/" + inner if inner else self.root)

    def names(self, folder):
        shown = [found.getPath().getName() for found in self.files.listStatus(self.path(folder))]
        return sorted(name for name in shown if not name.startswith((".", "_")))

    def namespaces(self, parts=()):
        """Every namespace's parts with its folder."""
        for name in self.names("/".join(parts)):
            inner = (*parts, name)
            if len(inner) < 7:
                yield from self.namespaces(inner)
            else:
                part = lambda name: "" if name == "%" else urllib.parse.unquote(name)
                yield [part(name) for name in inner], "/".join(inner)

    def parts(self, folder, ids, times):
        """The files of a namespace that begin at or before the bound."""
        for inner in self.names(folder):
            start = re.match(r"(\d{20})_", inner)
            if not start or (times is not None and stamp(start[1]) > times):
                continue
            for name in self.names(f"{folder}/{inner}"):
                first = re.match(r"part-([pn])(\d{19})-", name)
                if not first:
                    continue
                least = int(first[2]) - (2**63 if first[1] == "n" else 0)
                if ids is None or least <= ids:
                    yield f"{folder}/{inner}/{name}"

    def described(self, file):
        """What the end of a file says: its fields, its key, its companions."""
        hadoop = self.jvm.org.apache.parquet.hadoop
        source = hadoop.util.HadoopInputFile.fromPath(self.path(file), self.conf)
        reader = hadoop.ParquetFileReader.open(source)
        try:
            said = reader.getFooter().getFileMetaData().getKeyValueMetaData()
            return said.get("ums.fields"), said.get("ums.keys"), said.get("ums.text")
        finally:
            reader.close()


def stamp(text):
    at = datetime.datetime.strptime(text, "%Y%m%d%H%M%S%f")
    return (at - EPOCH) // datetime.timedelta(microseconds=1)


def matches(pattern, parts):
    """Part by part, * for any run of characters; parts that are missing mean *."""
    wanted = [urllib.parse.unquote(part) for part in pattern.split(".")]
    plain = lambda text: re.sub(r"[\[?]", lambda found: f"[{found[0]}]", text)
    return len(wanted) <= 7 and all(fnmatch.fnmatchcase(part, plain(want)) for want, part in zip(wanted, parts))


# ---- one table ----------------------------------------------------------------------------------


def quoted(name):
    return "`" + name.replace("`", "``") + "`"


def read(spark, log, version, files, ids, times):
    """For each set of columns that a version's files have: version, columns, key, companions, rows."""
    sets = {}
    for file in files:
        sets.setdefault(log.described(file), []).append(str(log.path(file)))
    for (fields, keys, texts), paths in sets.items():
        names = [field["name"] for field in json.loads(fields)["fields"]]
        spelled = {"ums_id_": "_ums_id_", "ums_ts_": "_ums_ts_", "ums_op_": "_ums_op_", "ums_uid_": "_ums_uid_"}
        names = [spelled.get(name.lower(), name) for name in names]
        columns = [name for name in names if name.lower() not in SYSTEM]
        rows = spark.read.parquet(*paths).where(F.col("_ums_op_") != "B")
        if ids is not None:
            rows = rows.where(F.col("_ums_id_") <= F.lit(ids))
        if times is not None:
            rows = rows.where(F.unix_micros("_ums_ts_") <= F.lit(times))
        rows = rows.withColumn("_ums_version_", F.lit(version))
        rows = rows.withColumn("_present", F.array(*[F.lit(name) for name in columns]))
        yield version, columns, json.loads(keys), json.loads(texts), rows


def widened(frames):
    """The frames with every column in one type: of decimals one that holds all, else the newest's."""
    types = {}
    for rows in frames:
        for field in rows.schema.fields:
            known = types.get(field.name, field.dataType)
            if isinstance(known, DecimalType) and isinstance(field.dataType, DecimalType):
                scale = max(known.scale, field.dataType.scale)
                whole = max(known.precision - known.scale, field.dataType.precision - field.dataType.scale)
                types[field.name] = DecimalType(whole + scale, scale) if whole + scale <= 38 else StringType()
            else:
                types[field.name] = field.dataType
    for rows in frames:
        yield rows.select(*[F.col(quoted(field.name)).cast(types[field.name]).alias(field.name)
                            for field in rows.schema.fields])


def state(sets, keys):
    """One row a key."""
    union = None
    for rows in widened([rows for *_, rows in sets]):
        union = rows if union is None else union.unionByName(rows, allowMissingColumns=True)
    # Rows of one id share everything of their uid but the number at its end.
    order = F.struct("_ums_id_", F.length("_ums_uid_").alias("length"), F.col("_ums_uid_").alias("uid"))
    union = union.withColumn("_order", order)
    key = [F.col(quoted(name)) for name in keys]
    named = [name for name in union.columns if name not in ("_order", "_present")]
    shapes = {(version, frozenset(columns)) for version, columns, *_ in sets}
    if len(shapes) == len({version for version, *_ in sets}):
        # No partial images: a key's newest row is its state.
        whole = F.struct(*[F.col(quoted(name)) for name in named])
        newest = union.groupBy(*key).agg(F.max_by(whole, "_order").alias("_newest")).select("_newest.*")
        return newest.where(F.col("_ums_op_") != "D")
    mine = Window.partitionBy(*key)
    born = F.max(F.when(F.col("_ums_op_").isin("I", "D"), F.col("_order"))).over(mine)
    union = union.withColumns({
        "_born": born,
        "_last_op": F.max_by("_ums_op_", "_order").over(mine),
        "_last_version": F.max_by("_ums_version_", "_order").over(mine),
    })
    union = union.where((F.col("_last_op") != "D") & (F.col("_ums_op_") != "D"))
    union = union.where(F.col("_ums_version_") == F.col("_last_version"))
    union = union.where(F.col("_born").isNull() | (F.col("_order") >= F.col("_born")))
    companion = {text: name for *_, texts, _ in sets for name, text in texts.items()}
    values = []
    for name in named:
        if name in keys:
            continue
        column = F.col(quoted(name))
        place = F.col("_order")
        if name not in SYSTEM and name != "_ums_version_":
            # A row without the column has no say about it.
            place = F.when(F.array_contains("_present", companion.get(name, name)), place)
        values.append(F.max_by(column, place).alias(name))
    return union.groupBy(*key).agg(*values).select(*[F.col(quoted(name)) for name in named])


def main():
    given = arguments()
    ids, times = bound(given.as_of)
    spark = SparkSession.builder.appName("as-of").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    log = Log(spark, given.log.rstrip("/"))
    tables = {}
    for parts, folder in log.namespaces():
        if given.namespace and not any(matches(pattern, parts) for pattern in given.namespace):
            continue
        files = list(log.parts(folder, ids, times))
        if files:
            tables.setdefault((*parts[:4], *parts[5:]), []).append((int(parts[4]), files))
    for name, versions in sorted(tables.items()):
        versions.sort()
        if given.newest_version:
            versions = versions[-1:]
        sets = [one for version, files in versions for one in read(spark, log, version, files, ids, times)]
        keys = given.keys.split(",") if given.keys else sets[-1][2]
        if not keys:
            sys.exit(f"as_of: {'.'.join(name)}: the table has no primary key; name unique columns with --keys")
        if any(not set(keys) <= set(columns) or own not in (keys, given.keys and own) for _, columns, own, *_ in sets):
            sys.exit(f"as_of: {'.'.join(name)}: its versions have different keys; choose one with --namespace or --newest-version")
        folder = ".".join(part.replace("%", "%25").replace(".", "%2E") for part in name)
        state(sets, keys).write.mode(given.mode).parquet(f"{given.out.rstrip('/')}/{urllib.parse.quote(folder, safe='.%')}")
    spark.stop()


main()
