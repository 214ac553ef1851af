//! SQLite's result codes as our kinds of error. Uses `error`. Not hot.

use rusqlite::ErrorCode;

use crate::error::{Error, Kind};

/// An error of SQLite in our words; `what` names the database or the table. SQLite's own texts
/// name tables and columns, never values.
pub(super) fn from(what: impl std::fmt::Display, error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    let kind = match code {
        // Somebody else writes, the disk is full or failing: worth another try.
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory,
        ) => Kind::Unreachable,
        // This row does not fit; another one may.
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
            Kind::Data
        }
        _ => Kind::Refused,
    };
    let advice = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process is writing; end it, or wait longer with ?busy=SECONDS"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "check the file, its folder and their permissions"
        }
        Some(ErrorCode::NotADatabase) => "the file is not a SQLite database; choose another name",
        Some(ErrorCode::DatabaseCorrupt) => "restore the database, then start again",
        Some(ErrorCode::DiskFull) => "make room, then start again",
        Some(ErrorCode::TooBig) => "SQLite holds at most 1,000,000,000 bytes in one value",
        Some(ErrorCode::TypeMismatch) => {
            "the key is INTEGER in the target and the source's is not any more; rename the target table"
        }
        _ => "",
    };
    let built = Error::new(kind, format!("{what}: {error}")).caused_by(error);
    if advice.is_empty() { built } else { built.advise(advice) }
}
