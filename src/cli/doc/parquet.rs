//! dws-parquet(7): the Parquet log. Texts. Uses nothing of the project. Not hot.

use super::manual::Manual;

/// Renders the page.
pub(super) fn page() -> String {
    let mut manual = Manual::new("dws-parquet", "7", "the Parquet log: every change, in files");
    manual.section("DESCRIPTION");
    manual.text(DESCRIPTION);
    manual.section("NAMES");
    manual.text(NAMES);
    manual.section("COLUMNS");
    manual.text(COLUMNS);
    manual.table(&TYPES.map(|(ums, parquet)| vec![ums, parquet]));
    manual.text(COMPANIONS);
    manual.section("FILES AND ROW GROUPS");
    manual.text(SIZES);
    manual.section("WRITERS");
    manual.text(WRITERS);
    manual.section("READERS");
    manual.text(READERS);
    manual.section("COMPACTION");
    manual.text(COMPACTION);
    manual.part("Who reads meanwhile");
    manual.items(BESIDE.iter().copied());
    manual.part("What is killed meanwhile");
    manual.text(KILLED);
    manual.section("RETENTION");
    manual.text(RETENTION);
    manual.section("BUCKETS");
    manual.text(BUCKETS);
    manual.section("HDFS");
    manual.text(HDFS);
    manual.section("WHY NO COMPACTION THERE");
    manual.text(NO_EXCHANGE);
    manual.section("LIMITS");
    manual.text(LIMITS);
    manual.see_also(&["ums-sink(1)", "ums(7)", "dws-endpoints(7)"]);
    manual.finish()
}

const DESCRIPTION: &str = "\
ums-sink parquet:DIR keeps every change of every table as a row of a Parquet file: all operations, \
also B rows, typed columns, compressed with zstd. Nothing is updated in place, so the log is the \
history from which every state can be made again. Any program that reads Parquet reads it.";

const NAMES: &str = "\
\x20 DIR/type/source/schema/table/version/dbshard/tableshard/
      START_END/part-FIRST-LAST.parquet

The first seven are the parts of the namespace. START and END are the least and the greatest _ums_ts_ \
inside as yyyymmddHHMMSSffffff (UTC), FIRST and LAST the least and the greatest _ums_id_, so that a \
range of times or ids is found by names alone. An id is p and 19 digits, or n and the 19 digits of \
id + 2^63 where it is negative, so that names sort as ids do. A second file of the same times and ids \
ends in -2. In the names of folders a dot, a slash, a percent sign and the like are written %2E and so \
on, and a leading underscore %5F.

DIR/_checkpoint holds the positions, DIR/.tmp what is being written. Spark, Hive and pyarrow pass over \
names that begin with a dot or an underscore.";

const COLUMNS: &str = "\
A file has a column for each field of its messages, in their order. Rows with other fields (partial row \
images, a column added) are in other files: what is absent is absent, and not NULL. Read the files of a \
table by names of columns (union_by_name in DuckDB, mergeSchema in Spark).";

const TYPES: [(&str, &str); 10] = [
    ("int, long", "INT32, INT64"),
    ("float, double, boolean", "FLOAT, DOUBLE, BOOLEAN"),
    ("decimal, at most 38 digits by origin", "DECIMAL(p,s)"),
    ("decimal, else", "STRING"),
    ("date", "DATE"),
    ("datetime, origin datetime", "TIMESTAMP, microseconds, local"),
    ("datetime, else; _ums_ts_", "TIMESTAMP, microseconds, UTC"),
    ("string; _ums_op_, _ums_uid_", "STRING"),
    ("binary", "BYTE_ARRAY"),
    ("_ums_id_", "INT64"),
];

const COMPANIONS: &str = "\
\n\nA value that its column's type cannot hold (0000-00-00 is no date) is NULL there, and its text \
stands in the column _ums_text_NAME, which only files with such values have.

The file's key-value metadata hold ums.namespace, ums.keys, ums.fields (the schema object of the \
messages) and ums.text (the names of such columns), which is what it takes to make messages again.";

const SIZES: &str = "\
Files are finished after so many rows, bytes or seconds (rows, bytes and seconds in the address), and \
all at once, since a position is true for all tables. A stream of many quiet tables therefore makes many \
small files; see COMPACTION.

A row group has 131,072 rows, or 64 MiB of values where rows are long. DuckDB gives a row group to a \
thread, wants 100,000 to 1,000,000 rows in one, and skips row groups by the ranges of their columns: a \
file of 1,000,000 rows feeds eight threads. Spark gives every 128 MiB of a file to a task, which reads \
the row groups that have their middle there; a row group below that divides well and fits into a task's \
memory.";

const WRITERS: &str = "\
A file is written under DIR/.tmp, made durable, and then gets its name, so it appears whole. Only then \
does the position move. Rows that come again after a crash are recognised by _ums_uid_ and _ums_op_ and \
are not stored twice, also after a compaction. Several writers may share a log, as long as no two \
deliver the same changes at the same time. What a killed writer left is removed by the next one.";

const READERS: &str = "\
\x20 SELECT * FROM read_parquet('log/mysql/db1/shop/orders/**/*.parquet',
                             union_by_name = true)

  spark.read.option(\"recursiveFileLookup\", True) \\
       .option(\"mergeSchema\", True).parquet(\"log/mysql/db1/shop/orders\")

The newest row of each key, without those whose _ums_op_ is D, is the table as it is now.";

const COMPACTION: &str = "\
\x20 ums-sink parquet:DIR --compact --target-size 128MiB

merges the small files of each namespace's folder, neighbours in the order of ids and of the same \
columns, into files of about the target. Files of half the target or more are left alone, and so is one \
that weighs more than all its neighbours, from an eighth of the target on; so a row is copied a few \
times at most, however often this runs. One compaction or retention runs at a time; writers may write.

The merged files are put together in .NAME.dws-swap beside DIR/, made durable and counted. Then the \
folder of the namespace is exchanged for its successor, which holds them and the files that stay, by one \
rename (RENAME_EXCHANGE). Before, for 0.2 seconds, the exchange is announced in the folder by the names \
of the new folders, empty, and by a file without rows, rearranging-*.parquet.

Where nothing can be written beside DIR, or DIR is a file system of its own, DIR/.swap is used. DuckDB's \
pattern ** looks into hidden folders: there, and only there, write DIR/mysql/**/*.parquet and not \
DIR/**/*.parquet, or rows are seen twice during a compaction.";

const BESIDE: &[(&str, &str)] = &[
    (
        "the tools of this package",
        "See every row once, and read on undisturbed: what was replaced is kept until they end.",
    ),
    (
        "DuckDB over **/*.parquet, Spark and pyarrow over a folder",
        "See every row once, or end with an error that names a missing file, when names were read \
         before the exchange and files opened after it. Run the query again. That takes listing a folder \
         in less than the time of the announcement.",
    ),
    (
        "patterns of fixed depth, such as */*/*.parquet",
        "The same, but for a listing that the exchange falls into: it may miss rows in silence, since \
         it does not see the file that announces. Write **.",
    ),
];

const KILLED: &str = "\
An exchange has happened or has not; what stands aside is removed by the next compaction. A crash of \
the machine is the same, since files and names are durable before the exchange and after it. The file \
and the empty folders that announce hold no row and go with the next exchange.";

const RETENTION: &str = "\
\x20 ums-sink parquet:DIR --drop-before 2026-01-01

drops the files whose END is before that moment. Files with one younger row stay, so large files go in \
large steps. What is dropped cannot be replayed: a row whose last change was before that moment is \
missing from every state made of the log. A dropped row that is delivered again is stored again.";

const BUCKETS: &str = "\
A build with the feature s3 writes parquet:s3://BUCKET/PREFIX, also to other stores that speak S3. \
Credentials, region and endpoint come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, \
AWS_REGION and AWS_ENDPOINT_URL (with AWS_ALLOW_HTTP=true for http), else from the machine's role. The \
store must honour If-None-Match: *, as S3 does, so that no file takes another's name. Files are put \
together in the temporary folder (TMPDIR) and held in memory while they are sent. ums-replay copies a \
file to the temporary folder before it reads it, a GiB of them at most or one that is larger. \
--drop-before removes old files one after the other; the bucket's life-cycle rules may do it, too. \
There is no --compact.";

const HDFS: &str = "\
A build with the feature hdfs writes parquet:hdfs://NAMENODE:PORT/PATH, or hdfs://NAMESERVICE/PATH. The \
client is built in: no Java and no libhdfs. Settings are read from HADOOP_CONF_DIR (else \
HADOOP_HOME/etc/hadoop), the user is HADOOP_USER_NAME, or for Kerberos that of the ticket cache, for \
which libgssapi_krb5 is loaded.

A file is put together in the temporary folder (TMPDIR), sent to PATH/.tmp, flushed to the disks of the \
data nodes, and then renamed, which the name node refuses where the name is taken. So it appears whole, \
and a kill at any moment loses nothing and stores nothing twice, as in a local folder. A draft that a \
killed writer left is removed by a writer a day later. Files stand in one block each. Erasure-coded \
folders cannot be flushed and are refused. Sending a file takes half a second and more, one table after \
the other: where many tables change, make rows, bytes and seconds large.

ums-replay copies files as it does from a bucket. --drop-before removes each folder of old files in one \
step, past the trash. There is no --compact.";

const NO_EXCHANGE: &str = "\
Merged files have to appear in the same step in which the files that they replace go; else whoever \
reads in between, or after a kill in between, sees rows twice or not at all. A local folder is exchanged \
for another in one step. In a bucket every object comes and goes by itself, and there is no step for \
two. In HDFS a folder takes a free name in one step, but never another's place: between the two renames \
of an exchange the rows are nowhere, and a kill there leaves it so. Its concat, which is one step, joins \
files of one folder only, and those of a log are in many. A manifest would help the tools of this \
package and nobody who reads **/*.parquet. So --compact ends with code 5 and changes nothing, also with \
--dry-run. Write large files to begin with, or compact a log in a local folder and copy it then.

--drop-before needs no exchange, since each file that goes is wholly old: a kill leaves some of them to \
the next run. Nothing is kept for readers there: one that has listed a file that is gone ends with an \
error that names it, and so does a writer that was looking for rows in it; start them again.";

const LIMITS: &str = "\
Compaction needs a file system with hard links, locks (flock) and RENAME_EXCHANGE, as ext4, XFS, Btrfs \
and tmpfs on Linux have; elsewhere it refuses and changes nothing. A log on NFS can be written and read. \
During a compaction its small files take their space twice.";
