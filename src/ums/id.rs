//! `_ums_id_`: composing and taking apart. Uses `error`. Not hot.

/// Ids of one log file span this many byte offsets.
pub const OFFSETS_PER_FILE: i64 = 1_000_000_000_000;

/// `(file number + base) * 10^12 + offset`; `None` where it does not fit.
pub fn compose(_file_number: u64, _base: u64, _offset: u64) -> Option<i64> {
    todo!()
}

/// File number (base included) and offset of a positive id.
pub fn split(_id: i64) -> Option<(u64, u64)> {
    todo!()
}
