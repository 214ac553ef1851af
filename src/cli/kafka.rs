//! Options of streams that are Kafka topics, the same in every command. Uses `endpoint`, `flow`,
//! `url`, `cli::message`. Not hot.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::message;
use crate::endpoint::{Note, Settings};
use crate::error::{Error, Result};
use crate::flow::checkpoint::Checkpoint;
use crate::url::{Secret, Url};

const HEADING: &str = "Kafka";

/// What every client takes.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Give the Kafka client a property: linger.ms=20; list shows all
    ///
    /// May be repeated. @FILE reads properties from FILE, one key=value a line, # begins a comment:
    /// the place for sasl.password and ssl.key.password. The password for SASL may also stand in
    /// DWS_KAFKA_PASSWORD. TLS and SASL SCRAM need a build with the feature kafka-tls.
    #[arg(short = 'X', value_name = "KEY=VALUE", help_heading = HEADING, hide_short_help = true)]
    pub properties: Vec<String>,
}

/// What a producer takes, too.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Producing {
    /// Properties.
    #[command(flatten)]
    pub client: Args,

    /// Create topics that are missing, with so many partitions
    ///
    /// Without it a topic that is missing ends the run, and the message has the command that creates
    /// it.
    #[arg(long, value_name = "N", help_heading = HEADING, hide_short_help = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub partitions: Option<u32>,

    /// Create them with so many replicas [the broker's default]
    ///
    /// Not more than there are brokers. Three, with min.insync.replicas=2 in the broker's or the
    /// topic's configuration, survive the loss of one.
    #[arg(long, value_name = "N", help_heading = HEADING, hide_short_help = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=32767), requires = "partitions")]
    pub replication: Option<u32>,

    /// Write in transactions of this id
    ///
    /// A transaction ends at a marker. Readers with isolation.level=read_committed see each row
    /// once, also when the command was killed and started again: a process that begins with an id
    /// ends what another with the same id has left open. An ums-filter that reads a topic as a
    /// member of a group keeps the group's offsets in the same transactions. Each process needs an
    /// id of its own.
    #[arg(long, value_name = "ID", help_heading = HEADING, hide_short_help = true)]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub transactional: Option<String>,
}

/// What a consumer takes, too.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[group(skip)]
pub struct Consuming {
    /// End where the topic ends now, instead of waiting for more
    ///
    /// For runs that begin by the clock. Of a group, the run ends where its own partitions end.
    #[arg(long, help_heading = HEADING, hide_short_help = true)]
    pub exit_at_end: bool,
}

impl Consuming {
    /// Adds to what a stream is told: where it ends, and the checkpoint that it begins at.
    pub fn add_to(self, settings: &mut Settings, checkpoint: Option<&Checkpoint>) {
        settings.exit_at_end = self.exit_at_end;
        if let Some(checkpoint) = checkpoint {
            settings.saved = checkpoint.positions().to_vec();
        }
    }

    /// Whether the address of a stream and these options fit.
    ///
    /// # Errors
    /// `Usage` when the stream has an end of its own.
    pub fn check(self, from: &str) -> Result<()> {
        if self.exit_at_end && !is_topic(from) {
            return Err(Error::usage(format!("--exit-at-end: {from} is no Kafka topic"))
                .advise("files and pipes end by themselves"));
        }
        Ok(())
    }
}

/// Lets the group's offsets go into the transactions of what is written.
pub fn keep_offsets(settings: &mut Settings) {
    #[cfg(feature = "kafka")]
    {
        settings.member = Some(Arc::default());
    }
    #[cfg(not(feature = "kafka"))]
    let _ = settings;
}

/// Whether an address names a topic that is read as a member of a group.
pub fn is_group(address: &str) -> bool {
    let url = Url::parse(address);
    url.is_ok_and(|url| url.scheme() == "kafka" && url.option("group").is_some())
}

/// Whether an address names a topic.
pub fn is_topic(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.scheme() == "kafka")
}

impl Args {
    /// Whether the properties are only to be shown; they are then on standard output.
    pub fn shown(&self) -> Result<bool> {
        if !self.properties.iter().any(|text| text == "list") {
            return Ok(false);
        }
        show().map(|()| true)
    }

    /// What a stream is told.
    ///
    /// # Errors
    /// `Usage` for a property that is none, `Unreachable` for a file that cannot be read.
    pub fn settings(&self, stop: Arc<AtomicBool>) -> Result<Settings> {
        let mut properties = Vec::new();
        if let Ok(password) = std::env::var("DWS_KAFKA_PASSWORD") {
            properties.push(("sasl.password".to_owned(), Secret::new(password)));
        }
        for text in &self.properties {
            match text.strip_prefix('@') {
                Some(path) => read(&PathBuf::from(path), &mut properties)?,
                None => {
                    let (name, value) = pair(text)
                        .ok_or_else(|| Error::usage("-X takes KEY=VALUE, @FILE or list"))?;
                    if is_secret(&name) {
                        message::warn(format_args!(
                            "-X {name}: every user of the machine can read the arguments of a program; \
                             write -X @FILE"
                        ));
                    }
                    properties.push((name, value));
                }
            }
        }
        let note: Note = Arc::new(|text| message::warn(text));
        Ok(Settings { properties, note: Some(note), stop, ..Settings::default() })
    }
}

impl Producing {
    /// What a stream that is written is told.
    ///
    /// # Errors
    /// As `Args::settings`.
    pub fn settings(&self, stop: Arc<AtomicBool>) -> Result<Settings> {
        let mut settings = self.client.settings(stop)?;
        settings.partitions = self.partitions;
        settings.replication = self.replication;
        settings.transactional.clone_from(&self.transactional);
        Ok(settings)
    }
}

/// Whether a command line has `-X list`.
pub fn asks_for_list(arguments: impl Iterator<Item = OsString>) -> bool {
    let arguments: Vec<_> = arguments.take_while(|argument| argument != "--").collect();
    arguments.iter().any(|argument| argument == "-Xlist")
        || arguments.windows(2).any(|pair| matches!(pair, [x, list] if x == "-X" && list == "list"))
}

/// Prints every property of the client.
///
/// # Errors
/// `Usage` in a build without it.
#[cfg(feature = "kafka")]
pub fn show() -> Result<()> {
    message::data(crate::kafka::properties::list()?.as_bytes())
}

/// Prints every property of the client.
///
/// # Errors
/// `Usage` in a build without it.
#[cfg(not(feature = "kafka"))]
pub fn show() -> Result<()> {
    Err(Error::usage("-X list: this build has no Kafka client")
        .advise(crate::endpoint::kafka::BUILD))
}

fn pair(text: &str) -> Option<(String, Secret)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    (!name.is_empty()).then(|| (name.to_owned(), Secret::new(value.trim())))
}

/// Reads a file of properties; a line that is none is named by its number, not by its text.
fn read(path: &PathBuf, properties: &mut Vec<(String, Secret)>) -> Result<()> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| Error::io(&shown, error))?;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let found = pair(line);
        properties.push(found.ok_or_else(|| {
            Error::usage(format!("{shown}:{}: a property is KEY=VALUE", index + 1))
        })?);
    }
    Ok(())
}

fn is_secret(name: &str) -> bool {
    ["password", "secret", "ssl.key.pem"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_come_from_arguments_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        std::fs::write(&path, "# passwords\n sasl.password = a=b\n\nx=1\n").unwrap();
        let args = Args { properties: vec![format!("@{}", path.display()), "linger.ms=3".into()] };
        let settings = args.settings(Arc::default()).unwrap();
        let pairs: Vec<_> = settings
            .properties
            .iter()
            .map(|(name, value)| (name.as_str(), value.reveal()))
            .filter(|(name, value)| (*name, *value) != ("sasl.password", ""))
            .collect();
        assert_eq!(pairs, [("sasl.password", "a=b"), ("x", "1"), ("linger.ms", "3")]);
        assert!(!format!("{settings:?}").contains("a=b"));
    }

    #[test]
    fn a_list_is_asked_for_in_two_spellings() {
        let asks = |line: &str| asks_for_list(line.split(' ').map(OsString::from));
        assert!(asks("dbus-tail -X list") && asks("logrules -Xlist"));
        assert!(!asks("logrules list") && !asks("logrules -X linger.ms=1 list"));
        assert!(!asks("logrules -- -X list"));
    }

    #[test]
    fn a_bad_line_is_named_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        std::fs::write(&path, "x=1\nhunter2\n").unwrap();
        let args = Args { properties: vec![format!("@{}", path.display())] };
        let text = args.settings(Arc::default()).unwrap_err().to_string();
        assert!(text.contains("p:2:") && !text.contains("hunter2"), "{text}");
        let args = Args { properties: vec!["hunter2".into()] };
        assert!(!args.settings(Arc::default()).unwrap_err().to_string().contains("hunter2"));
    }
}
