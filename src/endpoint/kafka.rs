//! Kafka topics. The row is in every build, so that pages and messages are the same; the client is
//! behind the feature `kafka`. Uses `kafka`, `line`, `ums`, `url`. Not hot here.

#[cfg(not(feature = "kafka"))]
mod absent;
#[cfg(feature = "kafka")]
mod read;
#[cfg(feature = "kafka")]
mod write;

#[cfg(not(feature = "kafka"))]
use self::absent::{read, write};
#[cfg(feature = "kafka")]
use self::{read::read, write::write};
use super::Spec;
use crate::url::Opt;

/// How a program comes to have the client: builds without default features lack it, for want of a C++
/// compiler mostly.
pub const BUILD: &str = "run cargo build --release --features kafka, with a C++ compiler and make at \
    hand (--features kafka-tls, with perl, too, for TLS and SASL SCRAM)";

/// The row.
pub const SPEC: Spec = Spec {
    scheme: "kafka",
    form: "kafka://BROKERS/TOPIC",
    summary: "a topic of Apache Kafka, or many by a template",
    description: DESCRIPTION,
    options: &[
        Opt {
            name: "group",
            meaning: "Reading: share the partitions with the other processes of this group, which \
                keeps the offsets.",
            default: "",
        },
        Opt {
            name: "offset",
            meaning: "Reading: where to begin without an offset of the group or of a checkpoint: \
                earliest, latest, @TIME in UTC, or -N, so many records before the end.",
            default: "earliest",
        },
        Opt {
            name: "until",
            meaning: "Reading: end each partition before its first record with this time or a \
                later one: @TIME in UTC. The run ends with the last partition.",
            default: "",
        },
        Opt {
            name: "key",
            meaning: "Writing: what a record's key is made of and rows are spread over partitions \
                by: primary, namespace, dbus, or the names of columns separated by commas.",
            default: "primary",
        },
    ],
    example: "dbus-tail mysql://db1 --to 'kafka://b1:9092,b2:9092/shop.{schema}' --partitions 6",
    read: Some(read),
    write: Some(write),
};

/// Who writes a password into an address shows it to everybody.
#[cfg(feature = "kafka")]
fn warn_of_password(url: &crate::url::Url, voice: &crate::kafka::Voice) {
    if url.authority().is_some_and(|authority| authority.password.is_some()) {
        voice.say(
            "every user of the machine can read the password in the address; set DWS_KAFKA_PASSWORD, or \
             write -X @FILE",
        );
    }
}

const DESCRIPTION: &str = "\
The client, librdkafka, is compiled in, which takes a C++ compiler and make; a build without default features \
lacks it, and cargo build --release --features kafka has it. TLS and SASL SCRAM are in builds with --features \
kafka-tls, which take perl, too.

BROKERS are HOST:PORT separated by commas, some of the cluster; the client asks them for the others. \
A user in front of them, USER@BROKERS, is one of SASL PLAIN; other mechanisms and TLS are properties \
of the client, -X KEY=VALUE, and need a build with the feature kafka-tls: -X security.protocol=SASL_SSL \
-X sasl.mechanisms=SCRAM-SHA-512 -X ssl.ca.location=FILE, or a file of such lines, -X @FILE. Passwords \
stand in DWS_KAFKA_PASSWORD or in such a file. -X list shows the properties.

TOPIC is a name, or a template with {type}, {source}, {schema}, {table} and {version} of the \
namespace, so that one dbus-tail feeds a topic a schema or a table. What a topic's name cannot hold, \
and dots inside a part, become -xHH. A topic that is missing is created when --partitions says with \
how many partitions; else the run ends and says which command creates it.

Writing: a record is one message, as in a file, without the newline, with the headers namespace, type \
and id (the greatest of its rows), so that readers can choose without a look into it. Rows go to the \
partition of their key, by the hash of Java's client, so all changes of a key are in one partition \
and in order. A message whose rows belong to several partitions is divided, and so is one above \
900 kB, but never a row. A record's key is that of its first row: the namespace with * for its \
version, and behind slashes the columns of the primary key; with --batch-rows 1 it is the key of the \
row, as compacted topics need it. A table without a primary key is in one partition. The key \
namespace keeps whole tables in one partition, dbus does the same with a key as readers of DBus and \
Wormhole take it apart, and names of columns stand in the place of the primary key where a table has \
them all. When a value of these changes, the row moves to another partition; ids say which is newer.

Markers and terminations go to every partition of every topic that the template has made. A marker is \
written when everything before it is acknowledged by all replicas in sync; rows behind it do not \
wait, so in a partition it may stand behind some of them. Only then it counts as durable and moves a \
checkpoint. The producer is idempotent and waits for brokers that are away as long as it takes, with \
32 MB of records in memory (-X queue.buffering.max.kbytes=N); then whoever writes waits, too. It does the same \
where a disk is full or too few replicas are left to acknowledge.

Partitions and topics that are added while a command runs are noticed within a minute \
(-X topic.metadata.refresh.interval.ms=N), in both directions. Writing, keys are then spread over all \
partitions: of a key, older rows may be in another partition than newer ones, and ids say which is newer.

A dbus-tail without --checkpoint finds its place in the topics: the newest marker of its source in \
each partition, and the least of them, so that it can begin again anywhere without a file. That is right \
for one dbus-tail a source and topic. Of two with the same source, other --tables and the same topics each would take \
the other's position for its own and leave rows out: give them a --checkpoint each. Versions of \
tables, and definitions for logs without full metadata, are in the file of --schema-store.

With --transactional ID records are written in transactions, each ends with a marker. A process that \
begins with the same ID fences the one before and aborts what it has left open, then dbus-tail goes \
on behind the newest marker; readers with isolation.level=read_committed see each row once. From topic to topic, \
ums-filter --from 'kafka://B/T?group=G' --to kafka://B/U --transactional ID keeps the group's offsets in the \
transactions of the rows, so U has each row of T that passes once, whatever is killed; both topics are of one \
cluster. Transactions then end with the offsets, about once a second. Each process of the group has an ID of its own; one \
that loses partitions while a transaction is open gives that up and exits with 4, to be started again. The \
state of ums-join and the offsets of logrules are in no transaction: after a kill these write some rows again, with \
the same keys and ids.

Reading: a record is one message or several, one a line. Without a group every partition is read, \
new ones included; with one, processes that name the same group share the partitions, and when one \
ends, or is not heard of for session.timeout.ms, the others take over. A run ends by a signal, at \
until, or with --exit-at-end: where the partitions ended when the run got them, also while more is written. Of a \
template all topics are read, each to its own end, and those that come later, too. Only committed records are read (isolation.level).

Offsets follow what is durable: ums-sink commits them to the group after the target's commit, and \
ums-filter and logrules after the file is synced or the topic they write has acknowledged. In a pipe they travel in the \
stream, see MARKERS in ums(7), the sink keeps them in its --checkpoint, and the reader, which is given \
the same FILE, begins there and commits to its group what the file says. Where both the group and the file know an offset, the \
greater one counts: both are durable. A partition that another member is to get is given back when what was read \
of it is durable and committed, after half a minute at the latest; what was not committed the other \
one reads again. So rows may come twice, never not at all; sinks with one row a key are not changed by that, and \
ids keep an older row that comes late away.

An offset that is no longer in its partition, or beyond its end, ends the run: nothing is passed over \
in silence. A partition that has no offset, of a topic where the group has others, has been added \
since and is read from its beginning, whatever offset says.

A source has one position in a topic, the least of its newest markers in the partitions that are read (of \
topics whose template has {source}, in those of the source); \
a member of a group has the least of its own. It goes on when each of them has had a marker. A topic that is deleted and made \
anew needs another group and another checkpoint.

A broker that is away is waited for, and that is said once a minute. Records wait in 32 MB of memory \
(-X queued.max.messages.kbytes=N).";

#[cfg(all(test, not(feature = "kafka")))]
mod tests {
    use crate::error::Kind;

    #[test]
    fn a_build_without_the_client_says_which_one_has_it() {
        let address = "kafka://b:9092/t";
        let said = [super::super::input(address).err(), super::super::output(address).err()];
        for error in said {
            let error = error.unwrap();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(
                error.to_string().contains("cargo build --release --features kafka"),
                "{error}"
            );
        }
    }
}
