//! Global transaction ids: sets of them as text, and the events that carry them. Uses `error` and
//! `ddl` (for [`Xid`](crate::mysql::ddl::Xid)). Warm: one event and one addition a transaction.

mod event;
mod mariadb;
mod mysql;

pub use event::{
    Gtid, MariaDbGtid, parse_gtid_list, parse_mariadb, parse_plain, parse_previous, parse_tagged,
    parse_xa_prepare,
};
pub use mariadb::MariaDbPosition;
pub use mysql::MySqlSet;

use crate::error::Result;

/// The transactions that a position holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum GtidSet {
    /// None, or a server without GTIDs.
    #[default]
    Empty,
    /// MySQL: intervals by source and tag.
    MySql(MySqlSet),
    /// MariaDB: the newest transaction of each domain.
    MariaDb(MariaDbPosition),
}

impl GtidSet {
    /// Reads either server's text, blanks and line ends allowed.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            Ok(Self::Empty)
        } else if text.contains(':') {
            MySqlSet::parse(text).map(Self::MySql)
        } else {
            MariaDbPosition::parse(text).map(Self::MariaDb)
        }
    }

    /// Adds one MySQL transaction; `tag` is empty for none. A set of MariaDB becomes one of MySQL.
    pub fn add_mysql(&mut self, sid: [u8; 16], tag: &str, gno: u64) {
        if !matches!(self, Self::MySql(_)) {
            *self = Self::MySql(MySqlSet::default());
        }
        if let Self::MySql(set) = self {
            set.add(sid, tag, gno);
        }
    }

    /// Adds one MariaDB transaction, which replaces its domain's last one. A set of MySQL becomes
    /// one of MariaDB.
    pub fn add_mariadb(&mut self, domain: u32, server: u32, sequence: u64) {
        if !matches!(self, Self::MariaDb(_)) {
            *self = Self::MariaDb(MariaDbPosition::default());
        }
        if let Self::MariaDb(position) = self {
            position.add(domain, server, sequence);
        }
    }

    /// Whether it holds no transaction.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::MySql(set) => set.is_empty(),
            Self::MariaDb(position) => position.is_empty(),
        }
    }

    /// Whether every transaction of `other` is in it. Sets of different servers hold nothing of
    /// each other.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (_, other) if other.is_empty() => true,
            (Self::MySql(a), Self::MySql(b)) => a.contains(b),
            (Self::MariaDb(a), Self::MariaDb(b)) => a.contains(b),
            _ => false,
        }
    }

    /// Adds every transaction of `other`; one of another kind of server replaces the set.
    pub fn union(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Empty) => {}
            (Self::MySql(a), Self::MySql(b)) => a.union(b),
            (Self::MariaDb(a), Self::MariaDb(b)) => a.union(b),
            (mine, other) => mine.clone_from(other),
        }
    }

    /// Takes every transaction of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::MySql(a), Self::MySql(b)) => a.subtract(b),
            (Self::MariaDb(a), Self::MariaDb(b)) => a.subtract(b),
            _ => {}
        }
    }
}

impl std::fmt::Display for GtidSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::MySql(set) => set.fmt(f),
            Self::MariaDb(position) => position.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaa-0000-0000-0000-000000000001";
    const B: &str = "bbbbbbbb-0000-0000-0000-000000000002";

    fn set(text: &str) -> GtidSet {
        GtidSet::parse(&text.replace("A:", &format!("{A}:")).replace("B:", &format!("{B}:")))
            .unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn texts_become_canonical() {
        for (text, canonical) in [
            ("B:5,\nA:1-3", "A:1-3,B:5"),
            ("A:3:1-2", "A:1-3"),
            ("A:7-9:1-3:5", "A:1-3:5:7-9"),
            ("A:zeta:1:alpha:2-3", "A:alpha:2-3:zeta:1"),
            ("A:1:Tag_1:5-6:8,A:2", "A:1-2:tag_1:5-6:8"),
            ("0-1-5, 3-2-7,0-9-6", "0-9-6,3-2-7"),
            (" ", ""),
        ] {
            let canonical =
                canonical.replace("A:", &format!("{A}:")).replace("B:", &format!("{B}:"));
            assert_eq!(set(text).to_string(), canonical, "{text}");
        }
        assert_eq!(set(&A.to_uppercase().replace("0001", "0001:4")), set("A:4"));
        for wrong in [
            "A",
            "A:",
            "A:0",
            "A:5-3",
            "A:x",
            "A:-",
            "A:1:9tag:1",
            "0-1",
            "0-1-x",
            "1:2",
            "A:99999999999999999999",
            "ééééééééééééééééé:1",
        ] {
            let text = wrong.replace("A", A);
            assert!(GtidSet::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn sets_add_contain_and_subtract() {
        let mut sum = set("A:1-3:7-9,B:t:1");
        for gno in [4, 6, 5, 10, 12] {
            sum.add_mysql([0xAA, 0xAA, 0xAA, 0xAA, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "", gno);
        }
        assert_eq!(sum, set("A:1-10:12,B:t:1"));
        assert!(sum.contains(&set("A:2-9")) && sum.contains(&GtidSet::Empty));
        assert!(!sum.contains(&set("A:10-12")) && !sum.contains(&set("B:1")));
        assert!(!sum.contains(&set("0-1-1")));
        sum.subtract(&set("A:3:5-11,B:t:1"));
        assert_eq!(sum, set("A:1-2:4:12"));
        sum.subtract(&set("A:1-20"));
        assert!(sum.is_empty());
        sum.union(&set("B:x:5,A:1"));
        assert_eq!(sum, set("A:1,B:x:5"));
    }

    #[test]
    fn positions_of_mariadb_replace_and_compare_by_domain() {
        let mut position = set("0-1-5,1-1-3");
        position.add_mariadb(0, 2, 6);
        assert_eq!(position, set("0-2-6,1-1-3"));
        assert!(position.contains(&set("0-1-6")) && !position.contains(&set("2-1-1")));
        position.subtract(&set("1-1-3,0-1-5"));
        assert_eq!(position, set("0-2-6"));
        position.union(&set("0-1-5,4-1-1"));
        assert_eq!(position, set("0-2-6,4-1-1"));
    }
}
