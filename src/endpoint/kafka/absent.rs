//! What a build without the client says. Uses `error`, `url`. Not hot.

use super::super::{Input, Settings};
use crate::error::{Error, Result};
use crate::line::output::Output;
use crate::url::Url;

pub(super) fn read(url: &Url, _: &Settings) -> Result<Input> {
    Err(absent(url))
}

pub(super) fn write(url: &Url, _: &Settings) -> Result<Box<dyn Output>> {
    Err(absent(url))
}

fn absent(url: &Url) -> Error {
    Error::usage(format!("{url}: this build has no Kafka client")).advise(super::BUILD)
}
