//! Topics as input. Uses `error`, `kafka`, `ums`, `url`. Not hot here.

use std::sync::Arc;

use super::super::{Input, Receipt, Settings};
use super::warn_of_password;
use crate::error::{Error, Result};
use crate::kafka::consume::{self, DEFAULTS, Start, Wanted, millis};
use crate::kafka::{Address, Properties, Voice};
use crate::ums::Marker;
use crate::url::Url;

/// Opens a topic.
pub(super) fn read(url: &Url, settings: &Settings) -> Result<Input> {
    if url.option("key").is_some() {
        return Err(Error::usage(format!("{url}: key is for writing")));
    }
    let address = Address::of(url)?;
    let group = url.option("group").map(str::to_owned);
    if group.as_deref() == Some("") {
        return Err(Error::usage(format!("{url}: the group has no name")));
    }
    let start = url.option("offset").map(Start::parse).transpose();
    let until = url.option("until").map(|text| {
        let time = text.strip_prefix('@').unwrap_or(text);
        millis(time).ok_or_else(|| Error::usage(format!("{url}: until takes @TIME (UTC)")))
    });
    let name = format!("kafka://{}/{}", address.brokers, address.topic);
    let note = settings.note.clone().unwrap_or_else(|| Arc::new(|_: &str| {}));
    let wanted = Wanted {
        config: Properties::new(settings.properties.clone())?.config(&address, DEFAULTS)?,
        topic: address.topic,
        group,
        start: start.map_err(|error| error.at(url))?.unwrap_or_default(),
        until: until.transpose()?,
        exit_at_end: settings.exit_at_end,
        raw: settings.raw,
        saved: settings.saved.clone(),
        confirm: settings.confirm.clone(),
        exactly: settings.member.is_some(),
        voice: Voice::new(&name, note),
        name: name.clone(),
    };
    warn_of_password(url, &wanted.voice);
    let (stream, receipt) = consume::open(wanted)?;
    if let Some(place) = &settings.member {
        // One input is read so, and there is one.
        let _ = place.set(stream.member.clone());
    }
    let taken = Arc::clone(&stream.taken);
    let receipt: Option<Arc<dyn Receipt>> = Some(Arc::new(Offsets(receipt)));
    Ok(Input { name, reader: Box::new(stream), size: 0, taken, receipt })
}

/// The offsets of what was read.
struct Offsets(consume::Receipt);

impl Receipt for Offsets {
    fn durable(&self, markers: &[Marker]) {
        self.0.durable(markers);
    }

    fn hurries(&self) -> bool {
        self.0.hurries()
    }

    fn reached(&self, bytes: u64) -> Vec<Marker> {
        self.0.reached(bytes)
    }

    fn place(&self, line: u64) -> Option<String> {
        self.0.place(line)
    }

    fn close(&self) {
        self.0.close();
    }
}
