//! Collation numbers and character set names to character sets: a pure table. Uses
//! `mysql::charset`. Not hot: once a column of a table map.
//!
//! Source: `information_schema.COLLATIONS` of MySQL 9.7 and
//! `information_schema.COLLATION_CHARACTER_SET_APPLICABILITY` of MariaDB 10.11.

use super::charset::Charset;
use Charset::*;

/// From and to, rising. Below 248 the two servers agree; the rest is MySQL's.
const MYSQL: &[(u16, u16, Charset)] = &[
    (1, 1, Big5),
    (2, 2, Latin2),
    (3, 3, Dec8),
    (4, 4, Cp850),
    (5, 5, Latin1),
    (6, 6, Hp8),
    (7, 7, Koi8r),
    (8, 8, Latin1),
    (9, 9, Latin2),
    (10, 10, Swe7),
    (11, 11, Ascii),
    (12, 12, Ujis),
    (13, 13, Sjis),
    (14, 14, Cp1251),
    (15, 15, Latin1),
    (16, 16, Hebrew),
    (18, 18, Tis620),
    (19, 19, Euckr),
    (20, 20, Latin7),
    (21, 21, Latin2),
    (22, 22, Koi8u),
    (23, 23, Cp1251),
    (24, 24, Gb2312),
    (25, 25, Greek),
    (26, 26, Cp1250),
    (27, 27, Latin2),
    (28, 28, Gbk),
    (29, 29, Cp1257),
    (30, 30, Latin5),
    (31, 31, Latin1),
    (32, 32, Armscii8),
    (33, 33, Utf8mb3),
    (34, 34, Cp1250),
    (35, 35, Ucs2),
    (36, 36, Cp866),
    (37, 37, Keybcs2),
    (38, 38, Macce),
    (39, 39, Macroman),
    (40, 40, Cp852),
    (41, 42, Latin7),
    (43, 43, Macce),
    (44, 44, Cp1250),
    (45, 46, Utf8mb4),
    (47, 49, Latin1),
    (50, 52, Cp1251),
    (53, 53, Macroman),
    (54, 55, Utf16),
    (56, 56, Utf16le),
    (57, 57, Cp1256),
    (58, 59, Cp1257),
    (60, 61, Utf32),
    (62, 62, Utf16le),
    (63, 63, Binary),
    (64, 64, Armscii8),
    (65, 65, Ascii),
    (66, 66, Cp1250),
    (67, 67, Cp1256),
    (68, 68, Cp866),
    (69, 69, Dec8),
    (70, 70, Greek),
    (71, 71, Hebrew),
    (72, 72, Hp8),
    (73, 73, Keybcs2),
    (74, 74, Koi8r),
    (75, 75, Koi8u),
    (76, 76, Utf8mb3),
    (77, 77, Latin2),
    (78, 78, Latin5),
    (79, 79, Latin7),
    (80, 80, Cp850),
    (81, 81, Cp852),
    (82, 82, Swe7),
    (83, 83, Utf8mb3),
    (84, 84, Big5),
    (85, 85, Euckr),
    (86, 86, Gb2312),
    (87, 87, Gbk),
    (88, 88, Sjis),
    (89, 89, Tis620),
    (90, 90, Ucs2),
    (91, 91, Ujis),
    (92, 93, Geostd8),
    (94, 94, Latin1),
    (95, 96, Cp932),
    (97, 98, Eucjpms),
    (99, 99, Cp1250),
    (101, 124, Utf16),
    (128, 151, Ucs2),
    (159, 159, Ucs2),
    (160, 183, Utf32),
    (192, 215, Utf8mb3),
    (223, 223, Utf8mb3),
    (224, 247, Utf8mb4),
    (248, 250, Gb18030),
    (255, 323, Utf8mb4),
];

/// What MariaDB has from 576 on.
const MARIADB: &[(u16, u16, Charset)] = &[
    (576, 578, Utf8mb3),
    (608, 610, Utf8mb4),
    (640, 642, Ucs2),
    (672, 674, Utf16),
    (736, 738, Utf32),
    // UCA 14: 256 numbers a character set, some not yet given.
    (2048, 2303, Utf8mb3),
    (2304, 2559, Utf8mb4),
    (2560, 2815, Ucs2),
    (2816, 3071, Utf16),
    (3072, 3327, Utf32),
];

/// MariaDB's NOPAD collations stand so far behind the ones that pad.
const NOPAD: std::ops::Range<u16> = 1024..2048;

/// The first number that the two servers use differently.
const FIRST_OWN: u16 = 248;

/// The character set of a collation's number; `None` for a number that the server does not have.
pub fn charset_of(collation_id: u16, mariadb: bool) -> Option<Charset> {
    let find = |table: &[(u16, u16, Charset)], id: u16| {
        let found = table.iter().find(|(from, to, _)| (*from..=*to).contains(&id));
        found.map(|(_, _, charset)| *charset)
    };
    match collation_id {
        id if !mariadb || id < FIRST_OWN => find(MYSQL, id),
        id if NOPAD.contains(&id) => charset_of(id - NOPAD.start, true),
        id => find(MARIADB, id),
    }
}

/// The character set of a name as `SHOW CREATE TABLE` or a statement writes it, in any case.
/// `utf8` is `utf8mb3`, as on every server so far.
pub fn charset_by_name(name: &str) -> Option<Charset> {
    match name {
        _ if name.eq_ignore_ascii_case("utf8") => Some(Utf8mb3),
        _ => Charset::ALL.into_iter().find(|charset| name.eq_ignore_ascii_case(charset.name())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_servers() {
        for (id, mariadb, expected) in [
            (8, false, Some(Latin1)),
            (33, true, Some(Utf8mb3)),
            (45, true, Some(Utf8mb4)),
            (63, false, Some(Binary)),
            (45 + 1024, true, Some(Utf8mb4)),
            (28 + 1024, true, Some(Gbk)),
            (255, false, Some(Utf8mb4)),
            (255, true, None),
            (248, false, Some(Gb18030)),
            (248, true, None),
            (2048, true, Some(Utf8mb3)),
            (2304, true, Some(Utf8mb4)),
            (3271, true, Some(Utf32)),
            (2304, false, None),
            (0, false, None),
            (17, true, None),
            (1024, true, None),
            (u16::MAX, true, None),
        ] {
            assert_eq!(charset_of(id, mariadb), expected, "{id}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(charset_by_name("utf8"), Some(Utf8mb3));
        assert_eq!(charset_by_name("UTF8MB4"), Some(Utf8mb4));
        assert_eq!(charset_by_name("latin1"), Some(Latin1));
        assert_eq!(charset_by_name("klingon"), None);
    }
}
