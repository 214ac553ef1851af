//! `_ums_id_`: composing and taking apart. Uses nothing of the project. Not hot.
//!
//! The decimal digits of an id are meant to be read: 103000012345678 is file 103, offset 12345678.

/// Ids of one log file span this many byte offsets.
pub const OFFSETS_PER_FILE: i64 = 1_000_000_000_000;

/// `(file number + base) * 10^12 + offset`; `None` where it does not fit into 63 bits, or the
/// offset is 10^12 or more and would reach into the next file's ids.
pub fn compose(file_number: u64, base: u64, offset: u64) -> Option<i64> {
    let offset = i64::try_from(offset).ok().filter(|offset| *offset < OFFSETS_PER_FILE)?;
    let file = i64::try_from(file_number.checked_add(base)?).ok()?;
    file.checked_mul(OFFSETS_PER_FILE)?.checked_add(offset)
}

/// File number (base included) and offset of an id that is not negative; `None` for a negative
/// one, which names no place in a log.
pub fn split(id: i64) -> Option<(u64, u64)> {
    let file = u64::try_from(id.div_euclid(OFFSETS_PER_FILE)).ok()?;
    let offset = u64::try_from(id.rem_euclid(OFFSETS_PER_FILE)).ok()?;
    Some((file, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composes_and_splits() {
        assert_eq!(compose(103, 0, 12_345_678), Some(103_000_012_345_678));
        assert_eq!(compose(3, 100, 12_345_678), Some(103_000_012_345_678));
        assert_eq!(split(103_000_012_345_678), Some((103, 12_345_678)));
        assert_eq!(split(0), Some((0, 0)));
        assert_eq!(split(-1), None);
    }

    #[test]
    fn never_overflows_into_a_neighbour() {
        assert_eq!(compose(1, 0, 999_999_999_999), Some(1_999_999_999_999));
        assert_eq!(compose(1, 0, 1_000_000_000_000), None);
        assert_eq!(compose(9_223_372, 0, 36_854_775_807), Some(i64::MAX));
        assert_eq!(compose(9_223_372, 0, 36_854_775_808), None);
        assert_eq!(compose(u64::MAX, 1, 0), None);
        assert_eq!(compose(0, 0, u64::MAX), None);
        assert_eq!(split(i64::MAX), Some((9_223_372, 36_854_775_807)));
    }
}
