//! The three targets behind one handle: an empty database, its address, and what its own client
//! says; and messages of tables whose columns have origins.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::server::{Kind, Server, free_port, skipped};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    MySql,
    MariaDb,
    Postgres,
}

impl Which {
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::MySql => Some(Kind::MySql),
            Self::MariaDb => Some(Kind::MariaDb),
            Self::Postgres => None,
        }
    }
}

enum Back {
    My(Server),
    Postgres { port: u16, psql: String, folder: Option<tempfile::TempDir> },
}

/// A server with a database of the test's own.
pub struct Target {
    pub which: Which,
    pub database: String,
    back: Back,
}

/// Tests that take a target become one test a server.
macro_rules! on_every_target {
    ($($name:ident),* $(,)?) => {
        on_every_target!(@one mysql, MySql, $($name),*);
        on_every_target!(@one mariadb, MariaDb, $($name),*);
        on_every_target!(@one postgres, Postgres, $($name),*);
    };
    (@one $module:ident, $which:ident, $($name:ident),*) => {
        mod $module {
            $(#[test]
            fn $name() {
                let test = concat!(stringify!($module), "_", stringify!($name));
                if let Some(target) = crate::target::Target::shared(crate::target::Which::$which, test) {
                    super::$name(&target);
                }
            })*
        }
    };
}
pub(crate) use on_every_target;

impl Target {
    /// On the server that all tests share; `None`, and the reason said, where there is none.
    pub fn shared(which: Which, test: &str) -> Option<Self> {
        let back = match which.kind() {
            Some(kind) => Back::My(Server::shared(kind, test)?),
            None => Back::shared_postgres(test)?,
        };
        let found = Self { which, database: name_of(test), back };
        found.empty();
        Some(found)
    }

    /// On a server of the test's own, with these options.
    pub fn private(which: Which, test: &str, options: &[&str]) -> Option<Self> {
        let back = match which.kind() {
            Some(kind) => Back::My(Server::private(kind, test, options)?),
            None => {
                let Back::Postgres { psql, .. } = Back::shared_postgres(test)? else { return None };
                let folder = tempfile::Builder::new().prefix("dws-server.").tempdir().unwrap();
                Back::Postgres { port: free_port(), psql, folder: Some(folder) }
            }
        };
        let found = Self { which, database: name_of(test), back };
        if which == Which::Postgres {
            found.start(options);
        }
        found.empty();
        Some(found)
    }

    /// The folder of a private server.
    pub fn folder(&self) -> PathBuf {
        match &self.back {
            Back::My(server) => server.data().parent().unwrap().to_owned(),
            Back::Postgres { folder, .. } => {
                folder.as_ref().expect("a private server").path().to_owned()
            }
        }
    }

    /// Starts a private server, also again.
    pub fn start(&self, options: &[&str]) {
        let name = self.which.kind().map_or("postgres", Kind::name);
        let port = self.port().to_string();
        let output = servers()
            .args(["start", name])
            .arg(self.folder())
            .arg(port)
            .args(options)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Ends a private server as a power cut would, with its child processes.
    pub fn kill(&self) {
        let pid = std::fs::read_to_string(self.folder().join("pid")).unwrap();
        let pid = pid.lines().next().unwrap().trim().to_owned();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        // A child may have ended by itself meanwhile.
        let _ = Command::new("kill")
            .args(["-9", &pid])
            .args(children.split_whitespace())
            .stderr(Stdio::null())
            .status();
        let there = |pid: &str| {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z ")
        };
        while std::iter::once(pid.as_str()).chain(children.split_whitespace()).any(there) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // Servers take a dead process that nobody has waited for yet for a living one.
        let socket = format!(".s.PGSQL.{}.lock", self.port());
        for lock in ["s.sock.lock", "data/postmaster.pid", &socket] {
            let _ = std::fs::remove_file(self.folder().join(lock));
        }
    }

    pub fn port(&self) -> u16 {
        match &self.back {
            Back::My(server) => server.port,
            Back::Postgres { port, .. } => *port,
        }
    }

    /// Makes the database anew.
    pub fn empty(&self) {
        match &self.back {
            Back::My(server) => server.database(&self.database),
            Back::Postgres { .. } => {
                self.psql(
                    "postgres",
                    &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database),
                )
                .unwrap();
                self.psql("postgres", &format!("CREATE DATABASE {}", self.database)).unwrap();
            }
        }
    }

    /// The address, with a query such as `workers=1&rows=100`.
    pub fn url(&self, query: &str) -> String {
        self.url_as(self.user(), query)
    }

    /// The address of another user.
    pub fn url_as(&self, user: &str, query: &str) -> String {
        let scheme = if self.which == Which::Postgres { "postgres" } else { "mysql" };
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{user}@127.0.0.1:{}/{}{mark}{query}", self.port(), self.database)
    }

    fn user(&self) -> &'static str {
        if self.which == Which::Postgres { "postgres" } else { "root" }
    }

    /// What the server's own client answers: cells by `|`, NULL as `NULL`.
    pub fn ask(&self, sql: &str) -> String {
        self.try_ask(sql).unwrap_or_else(|error| {
            panic!("{:?}: {error}\n{}", self.which, sql.get(..300).unwrap_or(sql))
        })
    }

    pub fn try_ask(&self, sql: &str) -> Result<String, String> {
        let text = match &self.back {
            Back::My(server) => server
                .try_sql(&format!("SET time_zone = '+00:00'; USE {};\n{sql}", self.database))?
                .replace('\t', "|"),
            Back::Postgres { .. } => self.psql(&self.database, sql)?,
        };
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// A statement in each one's words.
    pub fn ask_either(&self, mysql: &str, postgres: &str) -> String {
        self.ask(if self.which == Which::Postgres { postgres } else { mysql })
    }

    /// A name as SQL.
    pub fn quote(&self, name: &str) -> String {
        match self.which {
            Which::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
            _ => format!("`{}`", name.replace('`', "``")),
        }
    }

    fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let Back::Postgres { port, psql, .. } = &self.back else { panic!("no PostgreSQL") };
        let mut child = Command::new(psql)
            .args(["-X", "-q", "-A", "-t", "-P", "null=NULL", "-v", "ON_ERROR_STOP=1"])
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres", "-d", database])
            .env("PGTZ", "UTC")
            .env("PGOPTIONS", "-c client_min_messages=error")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), sql.as_bytes()).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        match status.success() {
            true => Ok(String::from_utf8(stdout).unwrap()),
            false => Err(String::from_utf8_lossy(&stderr).into_owned()),
        }
    }
}

impl Back {
    fn shared_postgres(test: &str) -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let found = (|| {
            let port = variable("DWS_TEST_POSTGRES_PORT")?.parse().ok()?;
            Some(Self::Postgres { port, psql: variable("DWS_TEST_PSQL")?, folder: None })
        })();
        if found.is_none() {
            skipped(test, "no postgres server; run scripts/test");
        }
        found
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Back::Postgres { folder: Some(folder), .. } = &self.back {
            let _ = servers().arg("stop").arg(folder.path()).status();
        }
    }
}

/// A name for the test's database, short enough for every server.
fn name_of(test: &str) -> String {
    let sum = test.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("sink_{}_{sum:x}", test.get(..40).unwrap_or(test))
}

fn servers() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/servers"));
    command.stdin(Stdio::null());
    command
}

/// A table of a source: columns are name, type and origin.
#[derive(Clone)]
pub struct Source {
    pub namespace: String,
    pub keys: Vec<String>,
    pub columns: Vec<(String, String, String)>,
}

impl Source {
    pub fn new(table: &str, keys: &[&str], columns: &[(&str, &str, &str)]) -> Self {
        let part = table.replace('%', "%25").replace('.', "%2E");
        Self {
            namespace: format!("mysql.db1.shop.{part}.0.0.0"),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            columns: columns
                .iter()
                .map(|(name, ty, origin)| ((*name).into(), (*ty).into(), (*origin).into()))
                .collect(),
        }
    }

    /// The same table with only these columns in its images.
    pub fn only(&self, names: &[&str]) -> Self {
        let mut part = self.clone();
        part.columns.retain(|(name, ..)| names.contains(&name.as_str()));
        part
    }

    /// The same table with a column of another type, or a new one.
    pub fn with(&self, name: &str, ty: &str, origin: &str) -> Self {
        let mut other = self.clone();
        match other.columns.iter_mut().find(|(old, ..)| old == name) {
            Some(column) => *column = (name.into(), ty.into(), origin.into()),
            None => other.columns.push((name.into(), ty.into(), origin.into())),
        }
        other
    }

    /// A message of rows: id, op, and the cells as JSON text.
    pub fn message(&self, rows: &[(i64, &str, &str)]) -> String {
        let text = |text: &str| serde_json::to_string(text).unwrap();
        let field = |name: &str, ty: &str, origin: Option<&str>| {
            let origin = origin.map(|origin| format!(",\"origin\":{}", text(origin)));
            format!(
                r#"{{"name":{},"type":"{ty}","nullable":true,"encoded":false{}}}"#,
                text(name),
                origin.unwrap_or_default()
            )
        };
        let mut fields = vec![
            field("_ums_id_", "long", None),
            field("_ums_ts_", "datetime", None),
            field("_ums_op_", "string", None),
            field("_ums_uid_", "string", None),
        ];
        fields.extend(self.columns.iter().map(|(name, ty, origin)| field(name, ty, Some(origin))));
        let keys: Vec<String> = self.keys.iter().map(|key| text(key)).collect();
        let tuples: Vec<String> = rows
            .iter()
            .map(|(id, op, cells)| {
                format!(
                    r#"{{"tuple":["{id}","2026-11-21 01:02:03.000000","{op}","u{id}",{cells}]}}"#
                )
            })
            .collect();
        format!(
            "{{\"protocol\":{{\"type\":\"data_increment_data\",\"version\":\"1.3\"}},\"schema\":{{\"namespace\":{},\
             \"batchId\":0,\"keys\":[{}],\"fields\":[{}]}},\"payload\":[{}]}}\n",
            text(&self.namespace),
            keys.join(","),
            fields.join(","),
            tuples.join(",")
        )
    }
}

/// The usual one.
pub fn orders() -> Source {
    Source::new(
        "orders",
        &["id"],
        &[
            ("id", "long", "bigint"),
            ("name", "string", "varchar(60)"),
            ("amount", "decimal", "decimal(12,2)"),
            ("n", "int", "int"),
        ],
    )
}

/// Messages of the shared workload, with the origins of `orders`.
pub fn with_origins(messages: &[String]) -> Vec<String> {
    let mut all = messages.to_vec();
    for (name, ty, origin) in orders().columns {
        let plain = format!(r#""name":"{name}","type":"{ty}","nullable":true,"encoded":false"#);
        let full = format!("{plain},\"origin\":\"{origin}\"");
        for message in &mut all {
            *message = message.replace(&plain, &full);
        }
    }
    all
}

/// How the final rows of `orders` are read.
pub const FINAL: &str = "SELECT id, name, amount, n FROM orders WHERE _is_active_ = 1 ORDER BY id";
