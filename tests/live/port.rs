//! Ports for servers of a test's own, which are given back and taken again while the test runs.

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of so many ports in a row that nobody listens on, no two callers the same. They are below
/// those that the system gives to connections: a server that is killed and started again would find its
/// port taken by somebody's connection, even by one of a client to itself that tried to reach it.
pub fn free_ports(count: u16) -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 6_000).unwrap();
    loop {
        let taken = NEXT.fetch_add(count, Ordering::Relaxed);
        let first = 25_000 + begin.wrapping_add(taken) % 7_000;
        let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (first..first + count).all(free) {
            return first;
        }
    }
}
