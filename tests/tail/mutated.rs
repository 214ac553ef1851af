//! Damaged copies of a server's log, without checksums to catch the damage: whatever they hold, the
//! decoder answers with rows or with an error, never with a panic.

use super::feed::feed;

/// The events of a recorded log, as if its server had written no checksums and no positions.
fn bare(name: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/");
    let log = std::fs::read(folder.to_owned() + name).unwrap();
    let (mut at, mut events) = (4, Vec::new());
    while at + 19 <= log.len() {
        let size = u32::from_le_bytes(log[at + 9..at + 13].try_into().unwrap()) as usize;
        let mut event = log[at..at + size].to_vec();
        at += size;
        if event[4] == 15 {
            let checksum = event.len() - 5;
            event[checksum] = 0;
        } else {
            event.truncate(size - 4);
        }
        let size = event.len() as u32;
        event[9..13].copy_from_slice(&size.to_le_bytes());
        event[13..17].fill(0);
        events.push(event);
    }
    let head = [b"\xfebin".to_vec(), events.remove(0)].concat();
    (head, events)
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn damage_never_panics() {
    damage("shop.000001");
}

#[test]
fn damage_of_mariadbs_log_never_panics() {
    damage("shop-mariadb.000001");
}

fn damage(name: &str) {
    let (head, events) = bare(name);
    // Where a transaction begins: GTID, anonymous, MariaDB's.
    let starts: Vec<usize> =
        (0..events.len()).filter(|n| matches!(events[*n][4], 33 | 34 | 162)).collect();
    assert!(starts.len() > 10, "the recorded log has {} transactions", starts.len());
    let (rows, result) = feed([&head[..], &events.concat()].concat());
    result.unwrap();
    assert!(rows > 100, "the recorded log has {rows} rows");
    let (mut failed, mut written) = (0, 0);
    for seed in 1..=2000u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let start = starts[random.below(starts.len())];
        let mut part = Vec::new();
        let mut places = Vec::new();
        for event in &events[start..] {
            if part.len() + event.len() > 4000 && !part.is_empty() {
                break;
            }
            places.push((part.len(), event.len()));
            part.extend_from_slice(event);
        }
        for _ in 0..=random.below(3) {
            let (from, len) = places[random.below(places.len())];
            // Mostly in bodies: a wrong length only ends the log early.
            let skip = if random.below(8) == 0 { 0 } else { 19.min(len - 1) };
            let at = from + skip + random.below(len - skip);
            part[at] = match random.below(4) {
                0 => 0,
                1 => 0xff,
                2 => part[at] ^ (1 << random.below(8)),
                _ => random.below(256) as u8,
            };
        }
        if random.below(10) == 0 {
            part.truncate(random.below(part.len()));
        }
        let log = [&head[..], &part].concat();
        let (rows, result) = std::panic::catch_unwind(|| feed(log))
            .unwrap_or_else(|_| panic!("the panic above comes of seed {seed}"));
        written += rows;
        failed += u32::from(result.is_err());
    }
    assert!(failed > 100 && written > 1000, "{failed} errors, {written} rows");
}
