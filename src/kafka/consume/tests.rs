//! Reading from the library's own cluster inside the process.

use std::io::{BufRead, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};

use super::*;
use crate::ums::Dialect;
use crate::ums::marker::of_line;

type Cluster = MockCluster<'static, DefaultProducerContext>;

static NUMBER: AtomicU32 = AtomicU32::new(0);

fn cluster(topic: &str, partitions: i32) -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(topic, partitions, 1).unwrap();
    cluster
}

fn produce(cluster: &Cluster, topic: &str, partition: i32, records: &[String]) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers());
    let producer: BaseProducer = config.create().unwrap();
    for record in records {
        let record = BaseRecord::<(), _>::to(topic).partition(partition).payload(record);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}

fn wanted(cluster: &Cluster, topic: &str) -> Wanted {
    let mut config = ClientConfig::new();
    for (name, value) in DEFAULTS {
        config.set(*name, *value);
    }
    config.set("bootstrap.servers", cluster.bootstrap_servers());
    config.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "100");
    Wanted {
        config,
        topic: Template::parse(topic).unwrap(),
        group: None,
        start: Start::Earliest,
        until: None,
        exit_at_end: true,
        raw: false,
        saved: Vec::new(),
        confirm: None,
        exactly: false,
        voice: Voice::new("t", Arc::new(|_: &str| {})),
        name: "t".into(),
    }
}

fn in_group(cluster: &Cluster, topic: &str, group: &str) -> Wanted {
    Wanted { group: Some(group.into()), ..wanted(cluster, topic) }
}

/// Lines that are no markers, and the markers; reports everything as durable when `report`.
fn all(wanted: Wanted, report: bool) -> (Vec<String>, Vec<Marker>) {
    let (mut stream, receipt) = open(wanted).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (mut lines, mut markers) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match of_line(line.as_bytes()).ok().flatten() {
            Some(marker) => markers.push(marker),
            None => lines.push(line.to_owned()),
        }
    }
    if report {
        receipt.durable(&markers);
    }
    receipt.close();
    (lines, markers)
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn marker_line(id: i64) -> String {
    let marker = Marker {
        kind: "mysql".into(),
        source: "db1".into(),
        id,
        ts: "2026-11-21 01:02:03.000000".into(),
        file: "bin.000001".into(),
        pos: 4,
        gtid: String::new(),
        server: String::new(),
        base: 0,
    };
    let mut line = Vec::new();
    marker.write(Dialect::Dws, &mut line);
    String::from_utf8(line).unwrap()
}

#[test]
fn everything_comes_in_order_and_markers_say_how_far() {
    let cluster = cluster("t", 1);
    produce(&cluster, "t", 0, &numbers(0..1000));
    let (lines, markers) = all(wanted(&cluster, "t"), false);
    assert_eq!(lines, numbers(0..1000));
    let last = markers.last().unwrap();
    assert_eq!((last.kind.as_str(), last.source.as_str(), last.id), ("kafka", "t/0", 1000));
    // From a checkpoint it goes on behind it, and from others it does not.
    let saved = vec![Marker { id: 997, pos: 997, ..last.clone() }];
    let (lines, _) = all(Wanted { saved, ..wanted(&cluster, "t") }, false);
    assert_eq!(lines, numbers(997..1000));
    let saved = vec![Marker { source: "t/0/g".into(), ..last.clone() }];
    assert_eq!(all(Wanted { saved, ..wanted(&cluster, "t") }, false).0.len(), 1000);
}

#[test]
fn starts_are_where_they_were_asked_for() {
    let cluster = cluster("t", 2);
    produce(&cluster, "t", 0, &numbers(0..10));
    produce(&cluster, "t", 1, &numbers(10..13));
    for (start, expected) in [(Start::Earliest, 13), (Start::Latest, 0), (Start::Tail(4), 7)] {
        let (lines, _) = all(Wanted { start, ..wanted(&cluster, "t") }, false);
        assert_eq!(lines.len(), expected, "{start:?}");
    }
}

#[test]
fn a_position_that_is_not_in_the_topic_is_refused() {
    let cluster = cluster("t", 1);
    produce(&cluster, "t", 0, &numbers(0..10));
    let (_, markers) = all(wanted(&cluster, "t"), false);
    let saved = vec![Marker { id: 11, ..markers[0].clone() }];
    let error = open(Wanted { saved, ..wanted(&cluster, "t") }).err().unwrap();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("t/0") && error.to_string().contains("11"), "{error}");
}

#[test]
fn a_group_gets_what_was_reported_and_nothing_else() {
    let cluster = cluster("t", 3);
    for partition in 0..3 {
        produce(&cluster, "t", partition, &numbers(0..100));
    }
    // Not reported: delivered again.
    assert_eq!(all(in_group(&cluster, "t", "g"), false).0.len(), 300);
    assert_eq!(all(in_group(&cluster, "t", "g"), true).0.len(), 300);
    assert_eq!(all(in_group(&cluster, "t", "g"), true).0.len(), 0);
    produce(&cluster, "t", 1, &numbers(100..105));
    assert_eq!(all(in_group(&cluster, "t", "g"), true).0, numbers(100..105));
    assert_eq!(all(in_group(&cluster, "t", "h"), true).0.len(), 305);
}

#[test]
fn latest_is_kept_from_the_first_report_on() {
    let cluster = cluster("t", 1);
    produce(&cluster, "t", 0, &numbers(0..10));
    let latest = || Wanted { start: Start::Latest, ..in_group(&cluster, "t", "g") };
    assert_eq!(all(latest(), true).0.len(), 0);
    produce(&cluster, "t", 0, &numbers(10..15));
    assert_eq!(all(latest(), true).0, numbers(10..15));
}

#[test]
fn positions_of_sources_are_the_least_of_the_partitions() {
    let cluster = cluster("t", 2);
    produce(&cluster, "t", 0, &["row".into(), marker_line(5), marker_line(9)]);
    produce(&cluster, "t", 1, &[marker_line(3), marker_line(7), "row".into()]);
    let (lines, markers) = all(wanted(&cluster, "t"), false);
    assert_eq!(lines, ["row", "row"]);
    let ids: Vec<_> =
        markers.iter().filter(|marker| marker.kind == "mysql").map(|marker| marker.id).collect();
    assert_eq!(*ids.last().unwrap(), 7);
    assert!(ids.iter().all(|id| [3, 5, 7].contains(id)), "{ids:?}");
}

/// The end of a pull comes once, behind everything before it in every partition.
#[test]
fn an_end_of_a_pull_waits_for_all_partitions() {
    let cluster = cluster("t", 3);
    let end = |table: &str| {
        format!(
            "{{\"protocol\":{{\"type\":\"data_batch_termination\",\"version\":\"1.3\"}},\"schema\":\
             {{\"namespace\":\"mysql.db1.shop.{table}.0.0.0\",\"batchId\":7,\"fields\":[]}},\"payload\":[]}}"
        )
    };
    produce(&cluster, "t", 0, &[end("a"), "x".into(), end("b"), "x".into()]);
    produce(&cluster, "t", 1, &[numbers(0..5000), vec![end("a"), end("b")]].concat());
    produce(&cluster, "t", 2, &[numbers(0..10), vec![end("a"), "x".into()]].concat());
    let (lines, _) = all(in_group(&cluster, "t", "g"), true);
    let ends: Vec<_> = lines.iter().filter(|line| line.contains("termination")).collect();
    assert_eq!(ends, [&end("a"), &end("b")]);
    let at = lines.iter().position(|line| *line == end("a")).unwrap();
    let before = lines[..at].iter().filter(|line| line.parse::<u32>().is_ok()).count();
    assert_eq!(before, 5010);
    // Nothing is held back for ever.
    assert_eq!(all(in_group(&cluster, "t", "g"), true).0.len(), 0);
}

/// Whoever takes the lines is away for longer than partitions wait: they are paused, and go on.
#[test]
fn a_reader_that_is_away_misses_nothing() {
    let cluster = cluster("t", 2);
    let text = |number: u32| format!("{number} {}", "x".repeat(200));
    for partition in 0..2 {
        let from = partition * 10_000;
        let records: Vec<_> = (from..from + 10_000).map(text).collect();
        produce(&cluster, "t", partition as i32, &records);
    }
    let (mut stream, receipt) = open(in_group(&cluster, "t", "g")).unwrap();
    let mut first = vec![0; 1000];
    stream.read_exact(&mut first).unwrap();
    std::thread::sleep(Duration::from_secs(8));
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    receipt.close();
    let all = String::from_utf8(first).unwrap() + &rest;
    let mut found: Vec<u32> = all
        .lines()
        .filter(|line| line.ends_with('x'))
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(found.len(), 20_000);
    // In order in each partition.
    assert!((0..2).all(|half| found.iter().filter(|number| *number / 10_000 == half).is_sorted()));
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 20_000);
}

#[test]
fn a_line_is_traced_to_its_record() {
    let cluster = cluster("t", 1);
    produce(&cluster, "t", 0, &["a".into(), "b\nc".into(), marker_line(3), "d".into()]);
    let (mut stream, receipt) = open(wanted(&cluster, "t")).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    for (line, offset) in [("a", 0), ("b", 1), ("c", 1), ("d", 3)] {
        let number = text.lines().position(|found| found == line).unwrap() as u64 + 1;
        assert_eq!(receipt.place(number).unwrap(), format!("t/0 offset {offset}"));
    }
    receipt.close();
}

#[test]
fn a_stream_without_markers_tells_offsets_by_bytes() {
    let cluster = cluster("t", 1);
    produce(&cluster, "t", 0, &["a log\nline".into(), marker_line(5)]);
    let raw = || Wanted { raw: true, ..in_group(&cluster, "t", "g") };
    let (mut stream, receipt) = open(raw()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, format!("a log\nline\n{}", marker_line(5)));
    assert_eq!(receipt.reached(3), []);
    let markers = receipt.reached(text.len() as u64);
    assert_eq!(markers.iter().map(|marker| marker.id).collect::<Vec<_>>(), [2]);
    receipt.durable(&markers);
    receipt.close();
    assert_eq!(all(raw(), false).0.len(), 0);
}

/// A member of a group that takes over rows and reports them a while later, as a sink does.
struct Member {
    stop: Arc<AtomicBool>,
    receipt: Receipt,
    thread: JoinHandle<()>,
}

fn member(cluster: &Cluster, landed: &Arc<Mutex<Vec<String>>>) -> Member {
    let mut wanted = in_group(cluster, "t", "g");
    wanted.exit_at_end = false;
    wanted.config.set("client.id", format!("m{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    let (stream, receipt) = open(wanted).unwrap();
    let (stop, landed) = (Arc::new(AtomicBool::new(false)), Arc::clone(landed));
    let (stopped, reports) = (Arc::clone(&stop), receipt.clone());
    let thread = std::thread::spawn(move || {
        let (mut rows, mut markers) = (Vec::new(), Vec::new());
        for line in std::io::BufReader::new(stream).lines() {
            let line = line.unwrap();
            match of_line(line.as_bytes()).ok().flatten() {
                Some(marker) => markers.push(marker),
                None => {
                    rows.push(line);
                    continue;
                }
            }
            if stopped.load(Ordering::Relaxed) {
                // Gone like a process that was killed: what it held is lost.
                return;
            }
            landed.lock().unwrap().append(&mut rows);
            reports.durable(&markers);
        }
    });
    Member { stop, receipt, thread }
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn members_share_and_take_over_and_nothing_is_missing() {
    let cluster = cluster("t", 4);
    let landed = Arc::new(Mutex::new(Vec::new()));
    let first = member(&cluster, &landed);
    for partition in 0..4 {
        produce(
            &cluster,
            "t",
            partition,
            &numbers(partition as u32 * 1000..partition as u32 * 1000 + 500),
        );
    }
    let second = member(&cluster, &landed);
    wait("both read", || landed.lock().unwrap().len() >= 2000);
    for partition in 0..4 {
        produce(
            &cluster,
            "t",
            partition,
            &numbers(partition as u32 * 1000 + 500..partition as u32 * 1000 + 1000),
        );
    }
    first.stop.store(true, Ordering::Relaxed);
    first.receipt.close();
    let complete = || {
        let mut rows = landed.lock().unwrap().clone();
        rows.sort();
        rows.dedup();
        rows.len() == 4000
    };
    wait("the second has the rest", complete);
    second.receipt.close();
    first.thread.join().unwrap();
    second.thread.join().unwrap();
}

/// Partitions of one number in several topics: the library does not say whose end was met.
#[test]
fn topics_of_a_template_end_each_at_its_own_end() {
    let cluster = MockCluster::new(1).unwrap();
    for (topic, partitions) in [("s.a", 2), ("s.b", 2), ("s.empty", 1)] {
        cluster.create_topic(topic, partitions, 1).unwrap();
    }
    produce(&cluster, "s.a", 0, &numbers(0..10));
    produce(&cluster, "s.b", 0, &numbers(10..20_010));
    produce(&cluster, "s.b", 1, &numbers(20_010..20_020));
    let sorted = |wanted: Wanted| {
        let mut rows = all(wanted, true).0;
        rows.sort_by_key(|row| row.parse::<u32>().unwrap());
        rows
    };
    assert_eq!(sorted(wanted(&cluster, "s.{schema}")), numbers(0..20_020));
    let hour = 3_600_000;
    let now = jiff::Timestamp::now().as_millisecond();
    // All is older than the bound, which has passed or is still to come.
    let until =
        |until| Wanted { exit_at_end: false, until: Some(until), ..wanted(&cluster, "s.{schema}") };
    assert_eq!(sorted(until(now)), numbers(0..20_020));
    assert_eq!(sorted(until(now - hour)), numbers(0..0));
    assert_eq!(sorted(in_group(&cluster, "s.{schema}", "g")), numbers(0..20_020));
    assert_eq!(sorted(in_group(&cluster, "s.{schema}", "g")), numbers(0..0));
}

/// A run that ends at the end ends where that was when it began, also when more comes all the time.
#[test]
fn a_busy_topic_has_an_end() {
    let cluster = cluster("t", 1);
    produce(&cluster, "t", 0, &numbers(0..5000));
    let (mut stream, receipt) = open(wanted(&cluster, "t")).unwrap();
    produce(&cluster, "t", 0, &numbers(5000..6000));
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    receipt.close();
    let row = |line: &&str| of_line(line.as_bytes()).ok().flatten().is_none();
    assert_eq!(text.lines().filter(row).count(), 5000);
    let last = of_line(text.lines().last().unwrap().as_bytes()).unwrap().unwrap();
    assert_eq!(last.id, 5000);
}

/// Without a group, topics that come later are read like partitions that come later.
#[test]
fn a_topic_that_a_template_gets_later_is_read() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("s.a", 1, 1).unwrap();
    produce(&cluster, "s.a", 0, &numbers(0..10));
    let mut wanted =
        Wanted { exit_at_end: false, start: Start::Latest, ..wanted(&cluster, "s.{schema}") };
    wanted.config.set(REFRESH, "500");
    let (stream, receipt) = open(wanted).unwrap();
    cluster.create_topic("s.b", 1, 1).unwrap();
    produce(&cluster, "s.b", 0, &numbers(10..20));
    let lines = std::io::BufReader::new(stream).lines().map(std::result::Result::unwrap);
    let rows = lines.filter(|line| of_line(line.as_bytes()).ok().flatten().is_none());
    assert_eq!(rows.take(10).collect::<Vec<_>>(), numbers(10..20));
    receipt.close();
}
