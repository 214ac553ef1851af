//! ums(7): the message format. Texts, and tables made from `ums::model`. Uses `ums`. Not hot.

use super::manual::Manual;
use crate::ums::{Cause, Op, Protocol, Type};

/// Renders the page.
pub(super) fn page() -> String {
    let mut manual = Manual::new("ums", "7", "one message of a stream: the unified message schema");
    manual.section("DESCRIPTION");
    manual.text(DESCRIPTION);
    manual.section("PROTOCOL TYPES");
    let protocols = Protocol::ALL.map(|(protocol, name)| (name, meaning(protocol)));
    manual.items(protocols);
    manual.section("NAMESPACES");
    manual.text(NAMESPACES);
    manual.section("FIELDS AND ROWS");
    manual.text(FIELDS);
    manual.section("SYSTEM COLUMNS");
    manual.items(SYSTEM_COLUMNS.iter().copied());
    manual.text("\n\nThe ops:");
    let ops: Vec<_> = [Op::Insert, Op::Update, Op::Delete, Op::Before]
        .map(|op| (op.letter().to_string(), op_meaning(op)))
        .into();
    manual.items(ops.iter().map(|(letter, meaning)| (letter.as_str(), *meaning)));
    manual.section("TYPES");
    manual.text(TYPES);
    let mut rows = vec![vec!["type", "JSON", "text"]];
    rows.extend(Type::ALL.map(|(ty, name)| vec![name, json_form(ty), text_form(ty)]));
    manual.table(&rows);
    manual.section("MYSQL AND MARIADB TYPES");
    manual.text(MYSQL);
    let mut rows = vec![vec!["column", "type", "cell"]];
    rows.extend(MYSQL_TYPES.iter().map(|(column, ty, cell)| vec![*column, ty.name(), cell]));
    manual.table(&rows);
    manual.text(MYSQL_NOTES);
    manual.section("IDS");
    manual.text(IDS);
    manual.section("MARKERS");
    manual.text(MARKERS);
    manual.section("ENDS");
    manual.text(ENDS);
    manual.items(Cause::ALL.map(|(cause, name, _)| (name, cause_meaning(cause))));
    manual.section("SPELLINGS");
    manual.text(SPELLINGS);
    manual.section("OTHER DIALECTS");
    manual.text(DIALECTS);
    manual.items(READ.iter().copied());
    manual.text(WRITTEN);
    manual.items(WRITES.iter().copied());
    manual.section("GUARANTEES");
    manual.text(GUARANTEES);
    manual.see_also(&["dbus-tail(1)", "ums-sink(1)", "dws-endpoints(7)"]);
    manual.finish()
}

const DIALECTS: &str = "\
ums-filter --in reads change events of other systems, one JSON object a line, and writes messages. A \
row's id and uid are kept where a line has _ums_id_ and _ums_uid_, as the lines of --out have; else they \
are made as follows. Where a stream has no positions, ids are of the time as those of logs, (milliseconds \
since 2017) * 2^22, and never fall; rows of one millisecond share one, and stream order decides. Such ids \
are right as long as the times of one row's changes do not fall. The uid of such a row has a hash of its \
values, or, with --mask, its number among the rows of that moment, which another start may number anew.

Where a dialect says no types, they are those of the JSON values: long, double, boolean, string, decimal \
beyond 64 bits. A column is a string until its first value that is not null, becomes a double when whole \
numbers and others meet, and a string when kinds meet; each such change is a new schema. An update that \
changes the key is a D and an I. Before images are written when --keep-set or --ops asks for them. There \
are no markers, so such a stream has no checkpoint of its own.";

const READ: &[(&str, &str)] = &[
    (
        "debezium",
        "With or without the schema of Connect's JSON converter, which then gives the types. Namespace: \
         connector.name.database.table, for PostgreSQL with its schema. Id: source.file, pos and row as in \
         a log of MySQL; source.lsn; else of source.ts_us or ts_ms. Snapshot rows (op r) are \
         data_initial_data. There is no key, for it is not in the value. Tombstones are passed over; \
         truncates are bad lines.",
    ),
    (
        "maxwell",
        "Namespace: mysql.maxwell.database.table. Id: position (output_binlog_position), the same for \
         all rows of an event; else of ts. Key: primary_key_columns. old makes whole before images. \
         Bootstrap rows are data_initial_data; changes of definitions are passed over.",
    ),
    (
        "canal",
        "Flat messages. Namespace: mysql.canal.database.table. Id: of es. Key: pkNames. Types and \
         declarations by mysqlType; bytes stay the text that Canal makes of them. Changes of definitions \
         are passed over.",
    ),
];

const WRITTEN: &str = "\n\n\
ums-filter --out writes the lines of other systems, one a row. A before image goes into the line of its \
update. What holds no rows, markers included, is left out, but with dbus.";

const WRITES: &[(&str, &str)] = &[
    (
        "debezium",
        "The payload without its schema. Dates are days, datetimes milliseconds or microseconds by their \
         declaration, timestamps ISO 8601, decimals texts (decimal.handling.mode=string), dates that no \
         calendar has null. source has file and pos by the id, _ums_id_, _ums_uid_ and _ums_keys_.",
    ),
    (
        "maxwell",
        "Numbers are JSON numbers with all their digits, JSON columns are documents. position is that of \
         the id; there is no xid.",
    ),
    ("canal", "Flat messages of one row; every value is a text. id counts lines."),
    ("dbus", "Messages in the spelling of the 2020 code, markers included; see SPELLINGS."),
];

const DESCRIPTION: &str = "\
A stream is a sequence of messages, one JSON object (RFC 8259) on one line, in UTF-8, each ended by \
one newline. A message carries rows of one table, or says something about the stream. Laid out on \
several lines here, and with three of the table's columns only:

  {\"protocol\": {\"type\": \"data_increment_data\", \"version\": \"1.3\"},
   \"schema\": {\"namespace\": \"mysql.shop.shop.orders.0.0.0\", \"batchId\": 0,
     \"keys\": [\"id\"],
     \"fields\": [
       {\"name\": \"_ums_id_\", \"type\": \"long\",
        \"nullable\": false, \"encoded\": false},
       {\"name\": \"_ums_ts_\", \"type\": \"datetime\",
        \"nullable\": false, \"encoded\": false},
       {\"name\": \"_ums_op_\", \"type\": \"string\",
        \"nullable\": false, \"encoded\": false},
       {\"name\": \"_ums_uid_\", \"type\": \"string\",
        \"nullable\": false, \"encoded\": false},
       {\"name\": \"id\", \"type\": \"decimal\",
        \"nullable\": false, \"encoded\": false, \"origin\": \"bigint unsigned\"},
       {\"name\": \"quantity\", \"type\": \"int\",
        \"nullable\": false, \"encoded\": false, \"origin\": \"smallint\"},
       {\"name\": \"amount\", \"type\": \"decimal\",
        \"nullable\": false, \"encoded\": false, \"origin\": \"decimal(12,2)\"}]},
   \"payload\": [{\"tuple\": [\"1000000013180\", \"2026-11-21 04:17:16.178498\",
     \"I\", \"1.1.13179.1\", \"2\", 3, \"275.31\"]}]}

Writers put the keys in this order. Readers take any order, white space, and keys that they do not \
know.";

fn meaning(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::IncrementData => "Rows that changed, from a log.",
        Protocol::InitialData => "Rows of a full pull.",
        Protocol::BatchData => "Rows replayed from the Parquet log.",
        Protocol::Heartbeat => "A marker: the position, and proof of life. See MARKERS.",
        Protocol::IncrementTermination => {
            "This version of the namespace ends; rows of the next version follow. See ENDS."
        }
        Protocol::BatchTermination => {
            "The pull of one table ended; the fields say which key ranges it covered."
        }
    }
}

const NAMESPACES: &str = "\
schema.namespace has exactly seven parts with dots between them:

  type.source.schema.table.version.dbshard.tableshard

The type is mysql for MySQL and for MariaDB. The source is the name of --source.
A dot inside a part is written %2E, a percent sign %25. The version is 0 at first and rises at every \
incompatible change of the table's columns, when the table is dropped and created again, and when it \
is truncated; it is the same after a restart. The shards are 0, or the numbers that --shard found in \
the names of tables that are published as one.

Patterns match part by part. * stands for a whole part or for any run of characters inside one; \
parts that are missing at the end match everything. mysql.*.shop.order* takes all tables of the \
schema shop whose names begin with order, from every source, in every version.";

const FIELDS: &str = "\
schema.fields names the columns: name, type (see TYPES), nullable, and encoded, which is always \
false. origin is the type as the source declares it, so that a sink can create the faithful column. \
schema.keys has the names of the primary key's columns in the key's order, and is absent where there \
is no primary key. Readers must do without keys and origin.

payload holds one object a row; its tuple has one cell for each field, in the same order. SQL NULL is \
null. A column that the log does not have (binlog_row_image=MINIMAL or NOBLOB) is absent from fields, \
too, and such rows travel in messages of their own: absent is never NULL.

A message has one row or more, all of one namespace. Rows of one table stay in the order of the log.";

const SYSTEM_COLUMNS: &[(&str, &str)] = &[
    ("_ums_id_ (long)", "Orders the changes of a row: the greater one is the newer one. See IDS."),
    (
        "_ums_ts_ (datetime)",
        "When it happened, in UTC, with six digits of fraction: the commit in microseconds where the \
         log has it, else the second of the event.",
    ),
    ("_ums_op_ (string)", "What happened, see below."),
    (
        "_ums_uid_ (string)",
        "Identifies the change of this row for ever: the same text whenever it is delivered again, \
         another for every other change. For rows of a log: SERVER_ID.FILE_NUMBER.OFFSET.INDEX, \
         the number of the server that made the change, the number of the log file plus the \
         base, the offset of the event and the place of the row in it; and at its end one letter where \
         one change is written as several rows: d and i for the D and the I of a changed key, b \
         for the image before. For rows of a pull: SERVER_ID.FILE_NUMBER.OFFSET.p and 32 digits that \
         stand for the table and the key.",
    ),
];

fn op_meaning(op: Op) -> &'static str {
    match op {
        Op::Insert => "A new row. A change of the primary key is a D of the old key and an I.",
        Op::Update => "The row after an update.",
        Op::Delete => "A deleted row, with all columns that the log has.",
        Op::Before => {
            "The row before an update, only where asked for, immediately before its U and with the \
             same _ums_id_. Sinks never apply it."
        }
    }
}

const TYPES: &str = "\
Readers take a JSON string for every type, and a JSON number wherever it loses nothing.";

fn json_form(ty: Type) -> &'static str {
    match ty {
        Type::Boolean => "true, false",
        bare if bare.is_bare() => "number",
        _ => "string",
    }
}

fn text_form(ty: Type) -> &'static str {
    match ty {
        Type::Int => "32 bits with a sign",
        Type::Long => "64 bits with a sign",
        Type::Float => "32-bit binary, the shortest that reads back the same",
        Type::Double => "64-bit binary, the shortest that reads back the same",
        Type::Decimal => "exact: plain digits, the declared scale, no exponent",
        Type::Boolean => "",
        Type::Date => "YYYY-MM-DD",
        Type::Datetime => "YYYY-MM-DD HH:MM:SS, up to six digits of fraction",
        Type::String => "UTF-8",
        Type::Binary => "standard Base64 with padding (RFC 4648, section 4)",
    }
}

const MYSQL: &str = "\
A stored value gives the same cell, byte for byte, whether it comes from the log or from a SELECT.";

/// Column types with their UMS type and a sample cell.
const MYSQL_TYPES: &[(&str, Type, &str)] = &[
    ("tinyint, smallint, mediumint, int", Type::Int, "-128"),
    ("tinyint to mediumint, unsigned", Type::Int, "16777215"),
    ("year", Type::Int, "2026"),
    ("int unsigned", Type::Long, "\"4294967295\""),
    ("bigint", Type::Long, "\"-9223372036854775808\""),
    ("bit(1) to bit(63)", Type::Long, "\"5\""),
    ("bigint unsigned, bit(64)", Type::Decimal, "\"18446744073709551615\""),
    ("decimal(12,2)", Type::Decimal, "\"9.50\""),
    ("float", Type::Float, "0.1"),
    ("double", Type::Double, "1e300"),
    ("date", Type::Date, "\"2026-11-21\""),
    ("datetime(3)", Type::Datetime, "\"2026-11-21 01:02:03.120\""),
    ("timestamp", Type::Datetime, "\"2026-11-21 01:02:03\""),
    ("time(1)", Type::String, "\"-838:59:59.0\""),
    ("char, varchar, text", Type::String, "\"two\\nlines\""),
    ("enum, set", Type::String, "\"red,green\""),
    ("json", Type::String, "\"{\\\"a\\\": 1}\""),
    ("uuid, inet4, inet6", Type::String, "\"::1\""),
    ("vector", Type::String, "\"[1,0.5]\""),
    ("binary, varbinary, blob", Type::Binary, "\"AAEC\""),
    ("geometry, point, ...", Type::Binary, "SRID (4 bytes) and WKB"),
];

const MYSQL_NOTES: &str = "\n\n\
timestamp is in UTC, datetime as it was written. Fractions have the declared number of digits. Zero \
dates travel as they are: 0000-00-00. Text is transcoded to UTF-8 from the column's own character \
set. A binary(n) is padded to its n bytes. An enum with the error value is the empty string; a set is \
its labels with commas between them, in the declared order. A vector is a JSON array of its numbers. \
A json of MariaDB is the text that was stored.

origin is the declared type in lower case with its length, precision or labels, and unsigned where it \
is: bigint unsigned, decimal(12,2), varchar(60), enum('new','paid'), datetime(6), bit(5), vector(3). \
A length counts characters for char and varchar, and bytes for binary and varbinary. What the log does \
not say is not there: a display width, zerofill, a default. A json of MariaDB is a longtext in the \
log, boolean is tinyint; compressed columns of MariaDB end with the word compressed. uuid, inet4 and \
inet6 of MariaDB are logged as binary, and known as themselves only where the server's \
information_schema or a CREATE TABLE in the log tells them apart; without either they are binary(16) \
and binary(4).";

const IDS: &str = "\
_ums_id_ is a signed number of 64 bits. For rows of a log:

  (log file number + base) * 1,000,000,000,000 + offset

The number is the one that the log file's name ends in. The offset is where the row's event begins, \
plus the place of the row inside the event; where an event holds more rows than bytes (compressed \
transactions, XA), places are scaled into the event's length. The base rises when a server's file \
numbers fall, at a failover or a reset, so ids of a source never fall. Rows with equal ids keep their \
order in the stream, and the later one counts.

Rows of a pull carry the id of the log position that the pull is exact for, so that later changes win \
and earlier ones lose, or unique numbers below zero, so that every change wins. schema.batchId is the same in all messages of one pull: no row \
of it has a smaller id.";

const MARKERS: &str = "\
A marker is a data_increment_heartbeat message with the namespace type.source.*.*.*.*.* and the \
fields _ums_id_, _ums_ts_, file, pos, gtid, server and base. It says: every row of that source with \
an id below mine was written before me, and nothing of an open transaction was. It stands only at \
ends of transactions. In markers of logs (type log) gtid is the position of all followed files, as JSON: time, that of \
the last record in microseconds since 1970, and parts, each with path, file (device and inode), head and before \
(length and hash of the first line and of the bytes before the place), tag and at (the place, in bytes of text).

Every command passes markers on in order with the rows around them; one that holds rows back holds \
the marker back, too; one that writes to several places writes it to all. Only what makes rows \
durable moves a checkpoint: the command at the end of the pipe writes the newest marker's position \
when everything before it is durable, and the command at the head starts there the next time.

A marker of the type pull counts shards: pos of them, in the order in which they were done, were \
written before me by the pull whose batchId is in file. dbus-pull --state writes them and looks for them in the \
sink's checkpoint.

A marker of the type kafka is an offset. Its source is TOPIC/PARTITION, or TOPIC/PARTITION/GROUP where \
a group reads; _ums_id_ and pos are the offset of the next record to read, gtid is + where offsets of other \
partitions follow that belong to the same moment, file is the topic, server the cluster's id. It says: every record of that partition with an offset below mine was written before \
me. Whoever reads a topic writes one for each partition, at the latest a second after the records that it \
covers, keeps the markers of other sources back until every partition has had one, and writes the least \
of them. Given the sink's checkpoint by --checkpoint, it starts there the next time, and commits those \
offsets to its group while it runs.";

const ENDS: &str = "\
A data_increment_termination message stands where a version of a namespace ends: all rows of that \
version are before it. Its fields are _ums_id_ and _ums_ts_, the place and time of the statement \
(rows before it have smaller ids, rows behind it greater ones), cause, and whole: true where the \
statement concerned the whole table, false where it concerned one of several source tables that \
--shard publishes as one. A data_batch_termination message stands behind the last row of a table that \
was pulled. It has one row for each shard: _ums_id_ and _ums_ts_ of the position that the shard was \
read at, its number of rows, its range as a line of dbus-pull --plan, and whole: true where the shards \
are the whole table and no condition left rows out. Then a row whose id is below batchId is one that \
the source has no more. The causes of a data_increment_termination:";

fn cause_meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::Truncate => "TRUNCATE: every row is gone, and no row message says so.",
        Cause::Drop => {
            "DROP, also as a part of CREATE OR REPLACE and DROP DATABASE: as with truncate, the \
             rows are gone."
        }
        Cause::Rename => "The table has another name; its rows are still there under that name.",
        Cause::Alter => "The columns changed incompatibly; the rows are still there.",
    }
}

const SPELLINGS: &str = "\
--ums dbus writes the spelling of the DBus and Wormhole programs of 2020: ums_id_, ums_ts_, ums_op_, \
ums_uid_, ops in lower case, neither keys nor origin. Readers take both spellings, and ops in either \
case.";

const GUARANTEES: &str = "\
Delivery is at least once: after a crash rows may come again, with the same _ums_id_ and _ums_uid_. \
A reader that keeps, for each key, the row with the greatest id, and takes the later of equal ones, \
has the state of the source. The sinks of ums-sink(1) do that, so that the pipe as a whole is \
exactly-once in effect.";
