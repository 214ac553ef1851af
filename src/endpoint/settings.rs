//! What a command line says of its streams beside their addresses. Uses `kafka`, `ums`, `url`. Not hot.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(feature = "kafka")]
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

#[cfg(feature = "kafka")]
use crate::kafka::consume::Member;
use crate::ums::Marker;
use crate::url::Secret;

/// Tells people something.
pub type Note = Arc<dyn Fn(&str) + Send + Sync>;

/// What is said of a stream. Endpoints take what concerns them.
#[derive(Clone, Default)]
pub struct Settings {
    /// Properties for the client library, `-X key=value`, in the order given.
    pub properties: Vec<(String, Secret)>,
    /// The run ends where the source ends now, although it may go on.
    pub exit_at_end: bool,
    /// Lines are not messages: no marker may stand between them.
    pub raw: bool,
    /// Positions to begin at, from a checkpoint.
    pub saved: Vec<Marker>,
    /// The checkpoint of whoever makes the rows durable at the end of a pipe.
    pub confirm: Option<PathBuf>,
    /// Topics that are missing are created with so many partitions.
    pub partitions: Option<u32>,
    /// Topics that are missing are created with so many replicas; the broker's own number where
    /// none is given.
    pub replication: Option<u32>,
    /// What is written goes in transactions of this id.
    pub transactional: Option<String>,
    /// An input that is read by a group leaves here who it is; an output that writes in transactions
    /// then keeps the group's offsets in them.
    #[cfg(feature = "kafka")]
    pub member: Option<Arc<OnceLock<Member>>>,
    /// Tells people something while the stream waits.
    pub note: Option<Note>,
    /// Set when the run shall end: who waits for a destination that is away gives up then.
    pub stop: Arc<AtomicBool>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("properties", &self.properties)
            .field("partitions", &self.partitions)
            .field("replication", &self.replication)
            .field("transactional", &self.transactional)
            .finish_non_exhaustive()
    }
}
