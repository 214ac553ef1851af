//! What the newest version of a row added to its groups, packed as the shelf of versions has it. Uses
//! `error`, `op::join`. HOT: once a row.

use crate::error::Result;
use crate::op::join::pack::{Unpack, put_bytes, put_i64, put_u32};
use crate::op::join::shelf::FRESH;

/// A version. Packed it is a byte of the shelf's, id, time, alive, shard, group, arguments.
#[derive(Clone, Copy)]
pub(super) struct Version<'a> {
    pub(super) id: i64,
    pub(super) time: i64,
    /// False for a row that was deleted or came too late: it keeps older versions away.
    pub(super) alive: bool,
    /// The number of the shard that it came from.
    pub(super) shard: u32,
    pub(super) group: &'a [u8],
    pub(super) arguments: &'a [u8],
}

impl<'a> Version<'a> {
    #[inline]
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut unpack = Unpack::new(bytes);
        unpack.byte()?;
        let (id, time, alive) = (unpack.i64()?, unpack.i64()?, unpack.byte()? != 0);
        let shard = unpack.u32()?;
        Ok(Self { id, time, alive, shard, group: unpack.bytes()?, arguments: unpack.bytes()? })
    }

    #[inline]
    pub(super) fn pack(&self) -> Box<[u8]> {
        let mut out = Vec::with_capacity(30 + self.group.len() + self.arguments.len());
        out.push(FRESH);
        put_i64(&mut out, self.id);
        put_i64(&mut out, self.time);
        out.push(u8::from(self.alive));
        put_u32(&mut out, self.shard);
        put_bytes(&mut out, self.group);
        put_bytes(&mut out, self.arguments);
        out.into()
    }
}

/// The same version under another id.
#[inline]
pub(super) fn restamp(mut version: Box<[u8]>, id: i64) -> Box<[u8]> {
    if let Some((flags, rest)) = version.split_first_mut()
        && let Some(place) = rest.first_chunk_mut()
    {
        *flags = FRESH;
        *place = id.to_le_bytes();
    }
    version
}
