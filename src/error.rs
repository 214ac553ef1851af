//! The one library error. Uses nothing of the project. Not hot.
//!
//! Kinds exist only where behaviour differs: each is one exit code (`cli::exit`). The text says
//! what happened, where (file, line, position, row id) and what to do next; it never holds a cell
//! value or a password.

use std::fmt;

/// What the caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line or a configuration is wrong. Exit 2.
    Usage,
    /// Bad input stopped the run. Exit 3.
    Data,
    /// A source or a sink cannot be reached, or local I/O failed: worth a restart. Exit 4.
    Unreachable,
    /// Refused for good: credentials, purged log, unsafe setting. Exit 5.
    Refused,
    /// The reader downstream went away. Exit 0.
    Closed,
}

/// An error with its kind, a text for people and, where there is one, its cause.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the given kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// A wrong argument or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Bad input.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Kind::Data, message)
    }

    /// Something that may pass.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unreachable, message)
    }

    /// Something that will not pass by itself.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// A failed read or write; `what` names the file or stream. A broken pipe becomes `Closed`. An
    /// error of ours that went through `std::io` comes out as it was.
    pub fn io(what: impl fmt::Display, error: std::io::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(ours) => return ours,
            Err(error) => error,
        };
        let kind = match error.kind() {
            std::io::ErrorKind::BrokenPipe => Kind::Closed,
            _ => Kind::Unreachable,
        };
        Self { kind, message: format!("{what}: {error}"), source: Some(Box::new(error)) }
    }

    /// The kind, for exit codes and retries.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The same error with `place: ` in front of its text.
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// The same error with advice behind its text.
    pub fn advise(mut self, advice: impl fmt::Display) -> Self {
        self.message = format!("{}; {advice}", self.message);
        self
    }

    /// The same error with its cause attached.
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        std::io::Error::other(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
