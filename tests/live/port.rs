//! Ports for servers of a test's own, which are given back and taken again while the test runs.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that nobody listens on, and that the system gives to no connection by itself: of those a
/// client beside the test could hold one when the server wants it, also when it starts again. Another
/// one each time.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    let count = ephemeral().min(32_000).saturating_sub(FIRST);
    // Test programs that run at once begin at different places.
    let begin = u64::from(std::process::id()).wrapping_mul(7919);
    for _ in 0..count {
        // Some servers have the next few ports, too.
        let steps = u64::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let number = begin.wrapping_add(16 * steps);
        let port = FIRST + (number % u64::from(count)) as u16;
        // Whoever listens on all addresses has it, too.
        let free = |host: &str| TcpListener::bind((host, port)).is_ok();
        if free("0.0.0.0") && free("127.0.0.1") {
            return port;
        }
    }
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The first port that the system gives to connections.
fn ephemeral() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let first = range.ok().and_then(|text| text.split_whitespace().next()?.parse().ok());
    first.unwrap_or(32_768)
}
