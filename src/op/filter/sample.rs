//! HOT with `--sample`. A share of the rows by their keys, so that all changes of a row are in or
//! out together, in every run. Uses `error`, `ums`.

use crate::error::{Error, Result};
use crate::ums::Cell;
use crate::ums::decode::Header;
use crate::ums::hash::Fnv1a;

/// A share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Hashes below this are in.
    limit: u64,
}

impl Share {
    /// Reads `5%`, `1/20` or `0.05`.
    ///
    /// # Errors
    /// `Usage` for what is none, and for one that is not above 0 and at most the whole.
    pub fn parse(text: &str) -> Result<Self> {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        let share = match (text.strip_suffix('%'), text.split_once('/')) {
            (Some(percent), _) => number(percent).map(|percent| percent / 100.0),
            (None, Some((a, b))) => number(a).zip(number(b)).map(|(a, b)| a / b),
            (None, None) => number(text),
        };
        match share {
            Some(share) if share > 0.0 && share <= 1.0 => {
                Ok(Self { limit: (share * 2f64.powi(64)) as u64 })
            }
            _ => Err(Error::usage(format!("'{text}' is no share of the rows"))
                .advise("write 5%, 1/20 or 0.05")),
        }
    }

    /// Whether a row is in. `places` are what it is told by: see `places`.
    pub(super) fn takes(self, places: &[usize], cells: &[Cell]) -> Result<bool> {
        if self.limit == u64::MAX {
            return Ok(true);
        }
        // The bits are mixed at the end (as MurmurHash3 does), for FNV leaves the top ones alike.
        let mut all = Fnv1a::default();
        for place in places {
            match cells.get(*place).map(Cell::text).transpose()?.flatten() {
                None => all = all.and(&[0xff]),
                Some(text) => all = all.and(text.as_bytes()).and(&[0xfe]),
            }
        }
        let mut hash = all.finish();
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^= hash >> 33;
        Ok(hash < self.limit)
    }
}

/// The columns by which rows are told: the key's; without a key all that are not of the system.
pub(super) fn places(header: &Header) -> Vec<usize> {
    let keys = header.schema.keys.iter().map(|key| header.schema.column(key));
    if let Some(places) = keys.collect::<Option<Vec<_>>>().filter(|places| !places.is_empty()) {
        return places;
    }
    let system = header.system;
    let system = [system.id, system.ts, system.op, system.uid];
    (0..header.schema.fields.len()).filter(|place| !system.contains(&Some(*place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (text, percent) in [("5%", 5), ("1/20", 5), ("0.5", 50), ("100%", 100)] {
            let share = Share::parse(text).unwrap();
            let keys: Vec<String> = (0..10_000).map(|key| key.to_string()).collect();
            let taken = keys.iter().filter(|key| share.takes(&[0], &[Cell::Plain(key)]).unwrap());
            let taken = taken.count() as i64;
            assert!((taken - percent * 100).abs() < 120, "{text}: {taken}");
        }
        for wrong in ["", "0", "-1", "101%", "1/0", "x", "1.5", "nan"] {
            assert!(Share::parse(wrong).is_err(), "{wrong}");
        }
    }
}
