//! Kafka topics. The row is in every build, so that pages and messages are the same; the client is
//! behind the feature `kafka`. Uses `kafka`, `line`, `ums`, `url`. Not hot here.

#[cfg(feature = "kafka")]
mod read;
#[cfg(feature = "kafka")]
mod write;

use super::Spec;
#[cfg(not(feature = "kafka"))]
use super::{Input, Settings};
#[cfg(not(feature = "kafka"))]
use crate::error::{Error, Result};
#[cfg(not(feature = "kafka"))]
use crate::line::output::Output;
use crate::url::Opt;
#[cfg(not(feature = "kafka"))]
use crate::url::Url;

/// The row.
pub const SPEC: Spec = Spec {
    scheme: "kafka",
    form: "kafka://BROKERS/TOPIC",
    summary: "a topic of Apache Kafka, or many by a template; builds with the feature kafka",
    description: "BROKERS are HOST:PORT separated by commas, some of the cluster; the client asks \
        them for the others.",
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

#[cfg(feature = "kafka")]
use self::read::read;
#[cfg(feature = "kafka")]
use self::write::write;

#[cfg(not(feature = "kafka"))]
fn absent(url: &Url) -> Error {
    Error::usage(format!("{url}: this build has no Kafka client"))
        .advise("build with the feature kafka (with kafka-tls for TLS and SASL SCRAM)")
}

#[cfg(not(feature = "kafka"))]
fn read(url: &Url, _: &Settings) -> Result<Input> {
    Err(absent(url))
}

#[cfg(not(feature = "kafka"))]
fn write(url: &Url, _: &Settings) -> Result<Box<dyn Output>> {
    Err(absent(url))
}
