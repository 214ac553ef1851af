//! Any bytes behind a format description: rows that a reader takes, or an error. MySQL's and
//! MariaDB's by the first byte.
#![no_main]

#[path = "../../tests/tail/feed.rs"]
mod feed;

use libfuzzer_sys::fuzz_target;

/// A file's head up to its first event, without checksums.
fn head(version: &[u8]) -> Vec<u8> {
    const LENGTHS: [u8; 41] = [
        0, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 98, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0,
        10, 10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0,
    ];
    let mut body = vec![4, 0];
    body.extend_from_slice(version);
    body.resize(52, 0);
    body.extend_from_slice(&[0, 0, 0, 0, 19]);
    body.extend_from_slice(&LENGTHS);
    // No checksums, and the four bytes that stand there all the same.
    body.extend_from_slice(&[0; 5]);
    let mut log = b"\xfebin".to_vec();
    log.extend_from_slice(&[0, 0, 0, 0, 15, 1, 0, 0, 0]);
    log.extend_from_slice(&(19 + body.len() as u32).to_le_bytes());
    log.extend_from_slice(&[0; 6]);
    log.extend_from_slice(&body);
    log
}

fuzz_target!(|bytes: &[u8]| {
    let Some((server, events)) = bytes.split_first() else { return };
    let mut log = head(if server & 1 == 0 { b"8.0.36" } else { b"10.11.6-MariaDB-log" });
    log.extend_from_slice(events);
    let _ = feed::feed(log);
});
