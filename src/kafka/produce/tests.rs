//! Tests of the producer against librdkafka's own cluster in this process. Uses `kafka`. Not hot.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};

use super::*;
use crate::error::Kind;
use crate::kafka::Template;
use crate::ums::{Decoder, Dialect};

type Mock = MockCluster<'static, DefaultProducerContext>;

fn cluster(topics: &[(&str, i32)]) -> Mock {
    let mock = MockCluster::new(1).unwrap();
    for (name, partitions) in topics {
        mock.create_topic(name, *partitions, 1).unwrap();
    }
    mock
}

/// A producer and the number of things it has told.
fn producer(mock: &Mock, topic: &str, change: impl FnOnce(&mut Setup)) -> Result<Producer> {
    let address = Address {
        brokers: mock.bootstrap_servers(),
        topic: Template::parse(topic)?,
        user: None,
        password: None,
    };
    let mut setup = Setup {
        name: format!("kafka://mock/{topic}"),
        address,
        properties: Properties::default(),
        missing: Missing::default(),
        transactional: None,
        key: KeyRule::Primary,
        member: None,
        voice: Voice::new("mock", Arc::new(|_| {})),
        stop: Arc::default(),
    };
    change(&mut setup);
    Producer::open(setup)
}

fn line(table: &str, keys: std::ops::Range<u64>) -> Vec<u8> {
    let rows: Vec<String> =
        keys.map(|key| format!("{{\"tuple\":[\"{}\",\"{key}\"]}}", 1000 + key)).collect();
    format!(
        "{{\"protocol\":{{\"type\":\"data_increment_data\"}},\"schema\":{{\"namespace\":\
         \"mysql.db1.shop.{table}.0.0.0\",\"keys\":[\"id\"],\"fields\":[{{\"name\":\"_ums_id_\",\
         \"type\":\"long\"}},{{\"name\":\"id\",\"type\":\"long\"}}]}},\"payload\":[{}]}}",
        rows.join(",")
    )
    .into_bytes()
}

fn marker(source: &str, id: i64) -> Marker {
    Marker {
        kind: "mysql".into(),
        source: source.into(),
        id,
        ts: "2026-11-21 01:02:03.000000".into(),
        file: "b.000001".into(),
        pos: 4,
        gtid: String::new(),
        server: String::new(),
        base: 0,
    }
}

fn marker_line(source: &str, id: i64) -> Vec<u8> {
    let mut line = Vec::new();
    marker(source, id).write(Dialect::Dws, &mut line);
    line.pop();
    line
}

/// What one partition holds, in order: a row's key, or a marker's id below zero.
fn read(mock: &Mock, topic: &str, partitions: i32) -> BTreeMap<i32, Vec<i64>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", mock.bootstrap_servers())
        .set("group.id", "test")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_uncommitted")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let mut found: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    let mut left = partitions;
    let mut decoder = Decoder::default();
    while left > 0 {
        match consumer.poll(Duration::from_secs(10)).expect("the end of the topic") {
            Err(KafkaError::PartitionEOF(_)) => left -= 1,
            Err(error) => panic!("{error}"),
            Ok(record) => {
                let kind = record.headers().and_then(|headers| {
                    headers.iter().find(|header| header.key == "type").and_then(|pair| pair.value)
                });
                let message = decoder.decode(record.payload().unwrap()).unwrap();
                assert_eq!(kind.unwrap(), message.protocol.name().as_bytes());
                let place = found.entry(record.partition()).or_default();
                if let Some(marker) = Marker::read(&message).unwrap() {
                    place.push(-marker.id);
                    continue;
                }
                let mut cells = Vec::new();
                for row in message.rows() {
                    row.unwrap().split(2, &mut cells).unwrap();
                    place.push(cells[1].text().unwrap().unwrap().parse().unwrap());
                }
            }
        }
    }
    found
}

#[test]
fn rows_arrive_once_and_markers_follow_them_everywhere() {
    let mock = cluster(&[("shop", 3)]);
    let mut producer = producer(&mock, "shop", |_| {}).unwrap();
    for batch in 0..20 {
        producer.line(&line("orders", batch * 50..batch * 50 + 50)).unwrap();
    }
    producer.line(&marker_line("db1", 7)).unwrap();
    producer.line(&line("orders", 5000..5001)).unwrap();
    producer.drain().unwrap();
    assert_eq!(producer.settled().unwrap(), [marker("db1", 7)]);
    assert!(producer.settled().unwrap().is_empty());
    let found = read(&mock, "shop", 3);
    let mut keys: Vec<i64> = found.values().flatten().copied().filter(|key| *key >= 0).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..1000).chain([5000]).collect::<Vec<_>>());
    for (partition, rows) in &found {
        let place = rows.iter().position(|row| *row == -7).unwrap();
        assert!(rows[..place].iter().all(|row| *row >= 0), "{partition}: {rows:?}");
        assert!(rows[..place].is_sorted());
        // What came before the marker stands before it; what came behind may overtake it.
        assert!(rows[place..].iter().all(|row| *row == -7 || *row == 5000), "{rows:?}");
    }
    assert_eq!(found.len(), 3);
}

#[test]
fn the_topics_know_the_position() {
    let mock = cluster(&[("a.shop", 2), ("a.crm", 2), ("other", 1)]);
    {
        let mut producer = producer(&mock, "a.{schema}", |_| {}).unwrap();
        assert_eq!(producer.position("db1").unwrap(), None);
        producer.line(&marker_line("db1", 7)).unwrap();
        for key in 0..300 {
            producer.line(&line("orders", key..key + 1)).unwrap();
        }
        producer.line(&marker_line("db2", 50)).unwrap();
        producer.drain().unwrap();
        producer.line(&marker_line("db1", 9)).unwrap();
        producer.drain().unwrap();
    }
    // A process that is behind has written an older one into a part of the topics.
    let mut behind = producer(&mock, "a.crm", |_| {}).unwrap();
    behind.line(&marker_line("db1", 8)).unwrap();
    behind.drain().unwrap();
    let mut again = producer(&mock, "a.{schema}", |_| {}).unwrap();
    assert_eq!(again.position("db1").unwrap(), Some(marker("db1", 8)));
    assert_eq!(again.position("db2").unwrap(), Some(marker("db2", 50)));
    assert_eq!(again.position("db3").unwrap(), None);
    assert_eq!(read(&mock, "other", 1).len(), 0);
}

#[test]
fn an_outage_is_waited_for_and_nothing_is_lost() {
    let mock = cluster(&[("shop", 2)]);
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let mut producer = producer(&mock, "shop", |setup| {
        let note = move |_: &str| {
            count.fetch_add(1, Ordering::Relaxed);
        };
        setup.voice = Voice::new("mock", Arc::new(note));
        // Little room, so that the outage holds the writer up.
        let room = ("queue.buffering.max.kbytes".into(), crate::url::Secret::new("16"));
        setup.properties = Properties::new(vec![room]).unwrap();
    })
    .unwrap();
    producer.line(&line("orders", 0..10)).unwrap();
    producer.drain().unwrap();
    mock.broker_down(-1).unwrap();
    let begun = Instant::now();
    let writer = std::thread::spawn(move || {
        for batch in 1..100 {
            producer.line(&line("orders", batch * 10..batch * 10 + 10)).unwrap();
        }
        assert!(begun.elapsed() > Duration::from_secs(1), "nobody was held up");
        producer.line(&marker_line("db1", 7)).unwrap();
        producer.drain().unwrap();
        producer
    });
    std::thread::sleep(Duration::from_secs(2));
    mock.broker_up(-1).unwrap();
    let mut producer = writer.join().unwrap();
    assert_eq!(producer.settled().unwrap(), [marker("db1", 7)]);
    let found = read(&mock, "shop", 2);
    let mut keys: Vec<i64> = found.values().flatten().copied().filter(|key| *key >= 0).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..1000).collect::<Vec<_>>());
    for rows in found.values() {
        let rows: Vec<_> = rows.iter().filter(|row| **row >= 0).collect();
        assert!(rows.is_sorted());
    }
    assert!(told.load(Ordering::Relaxed) > 0, "nobody was told");
}

#[test]
fn a_stop_during_an_outage_ends_the_run_and_settles_nothing() {
    let mock = cluster(&[("shop", 1)]);
    let mut producer = producer(&mock, "shop", |_| {}).unwrap();
    producer.lines.setup.stop.store(true, Ordering::Relaxed);
    mock.broker_down(-1).unwrap();
    producer.line(&line("orders", 0..10)).unwrap();
    producer.line(&marker_line("db1", 7)).unwrap();
    let error = producer.drain().unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable, "{error}");
    assert!(producer.settled().unwrap().is_empty());
}

#[test]
fn a_record_that_is_refused_ends_the_run() {
    let mock = cluster(&[("shop", 1)]);
    let mut producer = producer(&mock, "shop", |_| {}).unwrap();
    mock.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 3],
    );
    producer.line(&line("orders", 0..10)).unwrap();
    producer.line(&marker_line("db1", 7)).unwrap();
    let error = producer.drain().unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    assert!(error.to_string().contains("topic shop"), "{error}");
    assert!(producer.settled().is_err());
}

#[test]
fn errors_that_pass_are_tried_again_without_doubles() {
    let mock = cluster(&[("shop", 1)]);
    let mut producer = producer(&mock, "shop", |_| {}).unwrap();
    mock.request_errors(
        RDKafkaApiKey::Produce,
        &[
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
        ],
    );
    producer.line(&line("orders", 0..10)).unwrap();
    producer.drain().unwrap();
    assert_eq!(read(&mock, "shop", 1)[&0], (0..10).collect::<Vec<_>>());
}

#[test]
fn a_missing_topic_is_named_with_the_command_that_creates_it() {
    let mock = cluster(&[("shop", 1)]);
    let error = producer(&mock, "nosuch", |_| {}).err().unwrap();
    assert_eq!(error.kind(), Kind::Refused);
    let text = error.to_string();
    assert!(text.contains("--create --topic nosuch") && text.contains("--partitions"), "{text}");
}

#[test]
fn a_transaction_ends_at_a_marker() {
    let mock = cluster(&[("shop", 2)]);
    let mut producer =
        producer(&mock, "shop", |setup| setup.transactional = Some("tail-1".into())).unwrap();
    producer.line(&line("orders", 0..10)).unwrap();
    assert!(producer.settled().unwrap().is_empty());
    producer.line(&marker_line("db1", 7)).unwrap();
    assert_eq!(producer.settled().unwrap(), [marker("db1", 7)]);
    producer.line(&line("orders", 10..20)).unwrap();
    assert!(producer.settled().unwrap().is_empty());
    producer.drain().unwrap();
    let found = read(&mock, "shop", 2);
    assert_eq!(found.values().flatten().filter(|row| **row >= 0).count(), 20);
    assert_eq!(found.values().flatten().filter(|row| **row == -7).count(), 2);
}
