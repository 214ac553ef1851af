//! Handles of the servers that `scripts/test` started, and private ones for tests that need global
//! settings. SQL goes through the servers' own command line clients: nothing of ours is in between.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

#[path = "port.rs"]
mod port;

#[allow(unused_imports)]
pub use port::{free_port, free_ports};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    MySql,
    MariaDb,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }

    fn variable(self, what: &str) -> Option<String> {
        let name = format!("DWS_TEST_{}_{what}", self.name().to_uppercase());
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

/// A running server; a private one ends with the handle.
pub struct Server {
    pub kind: Kind,
    pub port: u16,
    socket: PathBuf,
    client: PathBuf,
    private: Option<tempfile::TempDir>,
}

/// A place in the server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub file: String,
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

/// Says that a test did not run; the line goes around the test harness's capture on purpose.
pub fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}

impl Server {
    /// The server that all tests share, or `None` (and the reason is said).
    pub fn shared(kind: Kind, test: &str) -> Option<Self> {
        let found = (|| {
            Some(Self {
                kind,
                port: kind.variable("PORT")?.parse().ok()?,
                socket: kind.variable("SOCKET")?.into(),
                client: kind.variable("BIN")?.into(),
                private: None,
            })
        })();
        if found.is_none() {
            skipped(test, &format!("no {} server; run scripts/test", kind.name()));
        }
        found
    }

    /// A server of the test's own, with these options.
    pub fn private(kind: Kind, test: &str, options: &[&str]) -> Option<Self> {
        // Where there is no shared server, none can be had.
        let shared = Self::shared(kind, test)?;
        let folder = tempfile::Builder::new().prefix("dws-server.").tempdir().unwrap();
        let mut server = Self {
            kind,
            port: free_port(),
            socket: folder.path().join("s.sock"),
            client: shared.client.clone(),
            private: Some(folder),
        };
        server.start(options);
        Some(server)
    }

    /// Starts a private server, also again after `stop`.
    pub fn start(&mut self, options: &[&str]) {
        let folder = self.private.as_ref().expect("a private server").path().to_owned();
        let output = servers()
            .args(["start", self.kind.name()])
            .arg(folder)
            .arg(self.port.to_string())
            .args(options)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Stops a private server.
    pub fn stop(&self) {
        let folder = self.private.as_ref().expect("a private server");
        assert!(servers().arg("stop").arg(folder.path()).status().unwrap().success());
    }

    /// The folder of the server's log files.
    pub fn data(&self) -> PathBuf {
        self.socket.parent().unwrap().join("data")
    }

    /// The path of a log file.
    pub fn log_file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    /// What `dbus-tail` is given.
    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/", self.port)
    }

    /// A client ready to read a script from its standard input.
    pub fn client(&self) -> Command {
        let mut command = Command::new(&self.client);
        command
            .arg("--no-defaults")
            .arg("--socket")
            .arg(&self.socket)
            .args(["-uroot", "--default-character-set=utf8mb4", "--max-allowed-packet=256M"])
            .args(["--batch", "--skip-column-names"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a script; what it printed, or the client's complaint.
    pub fn try_sql(&self, script: &str) -> Result<String, String> {
        let mut child = self.client().spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let script = script.to_owned();
        let writer = std::thread::spawn(move || input.write_all(script.as_bytes()));
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let written = writer.join().unwrap();
        if status.success() {
            written.unwrap();
            Ok(String::from_utf8(stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&stderr).into_owned())
        }
    }

    /// Runs a script that must succeed.
    pub fn sql(&self, script: &str) -> String {
        self.try_sql(script).unwrap_or_else(|error| {
            let start: String = script.chars().take(400).collect();
            panic!("{}: {error}\n{start}", self.kind.name())
        })
    }

    /// A session in this database.
    pub fn session(&self, database: &str) -> Session {
        let mut child = self.client().args(["--unbuffered", database]).spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Session { child, input, output }
    }

    /// The rows of a query, cells as the client prints them in batch mode.
    pub fn rows(&self, query: &str) -> Vec<Vec<String>> {
        let text = self.sql(query);
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// Where the server writes its log now.
    pub fn position(&self) -> Position {
        let rows = self.rows(match self.kind {
            Kind::MySql => "SHOW BINARY LOG STATUS",
            Kind::MariaDb => "SHOW MASTER STATUS",
        });
        Position { file: rows[0][0].clone(), offset: rows[0][1].parse().unwrap() }
    }

    /// A new, empty database of this name.
    pub fn database(&self, name: &str) {
        self.sql(&format!(
            "DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4;"
        ));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(folder) = &self.private {
            let _ = servers().arg("stop").arg(folder.path()).status();
        }
    }
}

/// A client's session that stays open between scripts.
pub struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Runs a script and waits for its end.
    pub fn say(&mut self, script: &str) {
        writeln!(self.input.as_mut().unwrap(), "{script}; SELECT 'done';").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "done", "{script}");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

fn servers() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/servers"));
    command.stdin(Stdio::null());
    command
}
