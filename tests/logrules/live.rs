//! Pipes that stay open: rows come at once, silence is told from failure, and the end of a reader or a
//! signal ends the run.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::logrules;

const SOON: Duration = Duration::from_secs(180);

/// The lines of a stream as they come.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    receiver
}

#[test]
fn a_line_leaves_while_the_pipe_is_open_and_markers_follow() {
    let mut child = logrules("payments.toml").args(["--marker-every", "200ms"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = lines(child.stdout.take().unwrap());
    input.write_all(b"20261121T010203|PAY|1|a|1|EUR|ok\n").unwrap();
    let next = |wanted: &str| {
        let until = Instant::now() + SOON;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = output.recv_timeout(left).unwrap_or_else(|_| panic!("no {wanted}"));
            if line.contains(wanted) {
                return line;
            }
        }
    };
    next("\"P-1\"");
    // Proof of life while nothing comes, and its clock goes on.
    let first = next("data_increment_heartbeat");
    next("data_increment_heartbeat");
    let second = next("data_increment_heartbeat");
    assert_ne!(first, second);
    input.write_all(b"20261121T010204|PAY|2|a|1|EUR|ok\n").unwrap();
    next("\"P-2\"");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_last_record_of_a_pause_is_taken() {
    let mut child = logrules("log4j.toml").spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = lines(child.stdout.take().unwrap());
    input.write_all(b"2026-11-21 01:02:03,004 [main] ERROR a.B - failed\n\tat a.B.c\n").unwrap();
    let line = loop {
        let line = output.recv_timeout(SOON).unwrap();
        if line.contains("data_increment_data") {
            break line;
        }
    };
    assert!(line.contains("\\tat a.B.c"), "{line}");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_leaves_ends_the_run_while_the_input_waits() {
    let mut child = logrules("payments.toml").args(["--marker-every", "100ms"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    drop(child.stdout.take());
    input.write_all(b"20261121T010203|PAY|1|a|1|EUR|ok\n").unwrap();
    let until = Instant::now() + SOON;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("it waits for input that nobody wants");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{status}");
    drop(input);
}

#[test]
fn a_signal_ends_the_run_with_everything_written() {
    use std::os::unix::process::ExitStatusExt;
    let mut command = logrules("payments.toml");
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = lines(child.stdout.take().unwrap());
    input.write_all(b"20261121T010203|PAY|1|a|1|EUR|ok\n").unwrap();
    let first = output.recv_timeout(SOON).unwrap();
    assert!(first.contains("data_increment"), "{first}");
    // SAFETY: a signal to a child of ours that has not been waited for.
    unsafe { libc::kill(i32::try_from(child.id()).unwrap(), libc::SIGTERM) };
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
    let rest: Vec<String> = output.iter().collect();
    let last = rest.last().unwrap_or(&first);
    assert!(last.contains("data_increment_heartbeat"), "{last}");
    drop(input);
}
