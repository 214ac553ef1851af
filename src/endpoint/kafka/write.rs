//! Topics as output: bytes to lines to a producer. Uses `error`, `kafka`, `line`, `ums`, `url`. Warm:
//! once a message.

use std::io::Write;
use std::sync::Arc;

use super::super::Settings;
use super::warn_of_password;
use crate::error::{Error, Result};
use crate::kafka::key::KeyRule;
use crate::kafka::produce::{Producer, Setup};
use crate::kafka::topics::Missing;
use crate::kafka::{Address, Properties, Voice};
use crate::line::output::Output;
use crate::ums::Marker;
use crate::url::Url;

/// Opens topics.
pub(super) fn write(url: &Url, settings: &Settings) -> Result<Box<dyn Output>> {
    for option in ["group", "offset", "until"] {
        if url.option(option).is_some() {
            return Err(Error::usage(format!("{url}: {option} is for reading")));
        }
    }
    let address = Address::of(url)?;
    let key = url.option("key").map(KeyRule::parse).transpose();
    let key = key.map_err(|error| error.at(url))?.unwrap_or_default();
    let name = format!("kafka://{}/{}", address.brokers, address.topic);
    let note = settings.note.clone().unwrap_or_else(|| Arc::new(|_: &str| {}));
    let voice = Voice::new(&name, note);
    warn_of_password(url, &voice);
    let producer = Producer::open(Setup {
        voice,
        name,
        address,
        properties: Properties::new(settings.properties.clone())?,
        missing: Missing { partitions: settings.partitions, replication: settings.replication },
        transactional: settings.transactional.clone(),
        key,
        member: settings.member.as_ref().and_then(|member| member.get().cloned()),
        stop: Arc::clone(&settings.stop),
    })?;
    Ok(Box::new(Topics { producer, pending: Vec::new() }))
}

/// Lines in the making, and where they go.
struct Topics {
    producer: Producer,
    /// The line that has not ended yet.
    pending: Vec<u8>,
}

/// Room that the line in the making keeps.
const ROOM: usize = 4 << 20;

impl Write for Topics {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            if self.pending.is_empty() {
                self.line(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.pending);
                whole.extend_from_slice(line);
                let result = self.line(&whole);
                whole.clear();
                whole.shrink_to(ROOM);
                self.pending = whole;
                result?;
            }
        }
        self.pending.extend_from_slice(rest);
        Ok(bytes.len())
    }

    /// Records leave by themselves; this only hears what has come of them.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(self.producer.poll()?)
    }
}

impl Topics {
    fn line(&mut self, line: &[u8]) -> Result<()> {
        if line.iter().all(u8::is_ascii_whitespace) { Ok(()) } else { self.producer.line(line) }
    }
}

impl Output for Topics {
    fn sync(&mut self) -> Result<bool> {
        self.producer.drain()
    }

    fn settled(&mut self) -> Result<Option<Vec<Marker>>> {
        self.producer.settled().map(Some)
    }

    fn position(&mut self, source: &str) -> Result<Option<Marker>> {
        self.producer.position(source)
    }
}
