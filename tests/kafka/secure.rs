//! Passwords and certificates: who is let in, what is said to who is not, and what nobody else sees.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::broker::{Brokers, FILTER, distinct, messages, program, run};

const PASSWORD: &str = "throw-away";

/// A file of messages, and one of properties with this password.
fn files(folder: &std::path::Path, rows: std::ops::Range<u64>, password: &str) -> [String; 2] {
    let [input, secret] = ["in.ums", "secret"].map(|name| folder.join(name));
    std::fs::write(&input, messages(rows).join("\n") + "\n").unwrap();
    std::fs::write(&secret, format!("# whose\nsasl.password={password}\n")).unwrap();
    [input, secret].map(|path| path.to_str().unwrap().to_owned())
}

/// Both directions end soon, and say what to look at, not what the password is.
fn refused(status: i32, make: impl Fn() -> Command, url: &str, input: &str, words: &[&str]) {
    for (direction, more) in [
        ("writing", &["--from", input, "--to", url][..]),
        ("reading", &["--from", url, "--exit-at-end"]),
    ] {
        let begun = Instant::now();
        let output = make().args(more).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{direction}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(25), "{direction}: {:?}", begun.elapsed());
        assert!(words.iter().all(|word| said.contains(word)), "{direction}: {said}");
        assert!(!said.contains("wrong-one") && !said.contains(PASSWORD), "{direction}: {said}");
    }
}

#[test]
fn a_password_comes_by_the_environment_or_a_file() {
    let test = "a_password_comes_by_the_environment_or_a_file";
    let Some(brokers) = Brokers::prepared(test, 1, &["secure"], |_| true) else { return };
    brokers.topic("t", 2);
    let folder = tempfile::tempdir().unwrap();
    let [input, secret] = files(folder.path(), 0..100, PASSWORD);
    let url = format!("kafka://loader@{}/t", brokers.listener(2));
    let mut writer = program(FILTER, &["--quiet", "--from", &input, "--to", &url]);
    run(writer.env("DWS_KAFKA_PASSWORD", PASSWORD));
    assert_eq!(distinct(&brokers.read("t", &[])).len(), 100);
    let file = format!("@{secret}");
    let output = run(&mut program(FILTER, &["--from", &url, "--exit-at-end", "-X", &file]));
    assert_eq!(distinct(&String::from_utf8(output.stdout).unwrap()).len(), 100);
    assert!(!String::from_utf8(output.stderr).unwrap().contains(PASSWORD));
    let wrong = || {
        let mut command = program(FILTER, &["--quiet"]);
        command.env("DWS_KAFKA_PASSWORD", "wrong-one");
        command
    };
    let words = ["sasl.username", "password", &brokers.listener(2)];
    refused(5, wrong, &url, &input, &words);
    // No password at all.
    let output = program(FILTER, &["--quiet", "--from", &url]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("DWS_KAFKA_PASSWORD") && said.contains("-X @FILE"), "{said}");
    // One on the command line is taken, and it is said who else can read it.
    let seen = format!("sasl.password={PASSWORD}");
    let output = run(&mut program(FILTER, &["--from", &url, "--exit-at-end", "-X", &seen]));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("every user of the machine") && !said.contains(PASSWORD), "{said}");
}

#[cfg(not(feature = "kafka-tls"))]
#[test]
fn a_build_without_tls_says_which_one_has_it() {
    let command = || {
        let mut command = program(FILTER, &["--from", "kafka://loader@127.0.0.1:9/t"]);
        command.env("DWS_KAFKA_PASSWORD", PASSWORD);
        command
    };
    for property in
        ["security.protocol=SASL_SSL", "sasl.mechanisms=SCRAM-SHA-512", "ssl.ca.location=ca.pem"]
    {
        let output = command().args(["-X", property]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{property}: {said}");
        assert!(said.contains("--features kafka-tls"), "{property}: {said}");
    }
}

#[cfg(feature = "kafka-tls")]
#[test]
fn tls_and_scram_let_in_who_may() {
    let test = "tls_and_scram_let_in_who_may";
    let Some(brokers) = Brokers::prepared(test, 1, &["secure"], |_| true) else { return };
    brokers.topic("t", 2);
    let folder = tempfile::tempdir().unwrap();
    let authority = format!("ssl.ca.location={}", brokers.folder().join("ca.pem").display());
    let url = format!("kafka://loader@{}/t", brokers.listener(3));
    let mut rows = 0;
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let [input, secret] = files(folder.path(), rows..rows + 50, PASSWORD);
        rows += 50;
        let (file, chosen) = (format!("@{secret}"), format!("sasl.mechanisms={mechanism}"));
        let tls = ["-X", "security.protocol=SASL_SSL", "-X", &authority, "-X", &chosen];
        let client = |secret: &str| {
            let mut command = program(FILTER, &["--quiet"]);
            command.args(tls).args(["-X", secret]);
            command
        };
        run(client(&file).args(["--from", &input, "--to", &url]));
        let output = run(client(&file).args(["--from", &url, "--exit-at-end"]));
        let there = distinct(&String::from_utf8(output.stdout).unwrap()).len();
        assert_eq!(there as u64, rows, "{mechanism}");
        let [input, secret] = files(folder.path(), 0..1, "wrong-one");
        let file = format!("@{secret}");
        refused(5, || client(&file), &url, &input, &["sasl.username", "password"]);
    }
    // A certificate that nobody known has signed.
    let [input, secret] = files(folder.path(), 0..1, PASSWORD);
    let file = format!("@{secret}");
    let stranger = || {
        let mut command = program(FILTER, &["--quiet", "-X", "security.protocol=SASL_SSL"]);
        command.args(["-X", &file]);
        command
    };
    refused(5, stranger, &url, &input, &["ssl.ca.location"]);
    // TLS where the broker has none looks like a broker that hangs up.
    let plain = format!("kafka://loader@{}/t", brokers.listener(2));
    let wrong = || {
        let mut command = program(FILTER, &["--quiet", "-X", "security.protocol=SASL_SSL"]);
        command.args(["-X", &file, "-X", &authority]);
        command
    };
    refused(4, wrong, &plain, &input, &["security.protocol"]);
}
