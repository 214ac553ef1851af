//! Texts in every character set, and bytes that are none. Uses `mysql::charset`.

use super::*;

fn text(charset: Charset, bytes: &[u8]) -> Result<String, usize> {
    let mut out = String::from("x");
    match decode(charset, bytes, Bad::Stop, &mut out) {
        Ok(()) => Ok(out.split_off(1)),
        Err(bad) => {
            assert_eq!(out, "x", "a refused text leaves nothing behind");
            Err(bad.offset)
        }
    }
}

fn replaced(charset: Charset, bytes: &[u8]) -> String {
    let mut out = String::new();
    decode(charset, bytes, Bad::Replace, &mut out).unwrap();
    out
}

/// Recorded from MySQL 9.7.
#[test]
fn what_the_servers_mean() {
    use Charset::*;
    let cases: [(Charset, &[u8], &str); 30] = [
        (Latin1, b"caf\xE9 \x80\x81", "café €\u{81}"),
        (Latin2, b"\xB1\xA1", "ąĄ"),
        (Cp1251, b"\xCF\xF0\xE8", "При"),
        (Koi8r, b"\xF0\xD2\xC9", "При"),
        (Macce, b"\x80\x8A", "Ää"),
        (Swe7, b"a@[\\]^`{|}~", "aÉÄÖÅÜéäöåü"),
        (Tis620, b"\xA1\xD2", "กา"),
        (Hp8, b"\xA1", "À"),
        (Gbk, b"a\xC4\xE3\xBA\xC3b", "a你好b"),
        (Gbk, b"\x81\x40", "丂"),
        (Gb2312, b"\xC4\xE3\xA1\xA4\xA1\xAA", "你・―"),
        (Gb18030, b"\xC4\xE3\x81\x39\xEF\x30\x94\x39\xDA\x33", "你\u{3401}\u{1F4A9}"),
        (Gb18030, b"\xA6\xD9\xFE\x59", "\u{E78D}\u{E81E}"),
        (Big5, b"\xA7\x41\xA6\x6E\xA1\x45", "你好•"),
        (Sjis, b"\x82\xB1\xA6\x5C\x81\x5F\x81\x60", "こｦ\\\\〜"),
        (Cp932, b"\x82\xB1\x81\x5F\x81\x60\x87\x40", "こ＼～①"),
        (Ujis, b"\xA4\xB3\x8E\xA6\x8F\xB0\xA1\xA1\xC1", "こｦ丂〜"),
        (Ujis, b"\xF5\xA1\x8F\xFE\xFE", "\u{E000}\u{E757}"),
        (Eucjpms, b"\xA1\xC1\xAD\xA1\x8F\xF4\xFE", "～①黑"),
        (Euckr, b"\xB0\xA1\x81\x41", "가갂"),
        (Ascii, b"plain\x7F", "plain\x7F"),
        (Utf8mb3, "é€".as_bytes(), "é€"),
        (Utf8mb4, "é😀".as_bytes(), "é😀"),
        (Ucs2, b"\0a\x20\xAC", "a€"),
        (Utf16, b"\0a\xD8\x3D\xDE\x00", "a😀"),
        (Utf16le, b"a\0\x3D\xD8\x00\xDE", "a😀"),
        (Utf32, b"\0\0\0a\0\x01\xF6\x00", "a😀"),
        (Greek, b"\xE1", "α"),
        (Hebrew, b"\xE0", "א"),
        (Keybcs2, b"\x87", "č"),
    ];
    for (charset, bytes, expected) in cases {
        assert_eq!(text(charset, bytes).as_deref(), Ok(expected), "{charset:?}");
    }
}

#[test]
fn what_is_no_text() {
    use Charset::*;
    let cases: [(Charset, &[u8], usize, &str); 18] = [
        (Utf8mb4, b"ab\xFFc", 2, "ab\u{FFFD}c"),
        (Utf8mb4, b"\xED\xA0\x80", 0, "\u{FFFD}\u{FFFD}\u{FFFD}"),
        (Ascii, b"ab\x80c", 2, "ab\u{FFFD}c"),
        (Cp1250, b"a\x81b", 1, "a\u{FFFD}b"),
        (Tis620, b"a\xDB", 1, "a\u{FFFD}"),
        (Swe7, b"a\x80b", 1, "a\u{FFFD}b"),
        (Gbk, b"a\x80b", 1, "a\u{FFFD}b"),
        (Gbk, b"a\xC4", 1, "a\u{FFFD}"),
        (Gbk, b"\xC4\x20", 0, "\u{FFFD} "),
        (Gbk, b"\xAA\xA1b", 0, "\u{FFFD}b"),
        (Gb18030, b"\x81\x30\x81", 0, "\u{FFFD}0\u{FFFD}"),
        (Gb18030, b"\xE3\x32\x9A\x36", 0, "\u{FFFD}2\u{FFFD}6"),
        (Big5, b"\x87\x40", 0, "\u{FFFD}@"),
        (Ujis, b"\x8F\xA1\xA1a", 0, "\u{FFFD}a"),
        (Ujis, b"\x8E\xE0a", 0, "\u{FFFD}a"),
        (Ucs2, b"\0a\xD8\x3D", 2, "a\u{FFFD}"),
        (Utf16, b"\0a\xD8\x3D\0b\0", 2, "a\u{FFFD}b\u{FFFD}"),
        (Utf32, b"\0\x11\0\0\0\0\0a", 0, "\u{FFFD}a"),
    ];
    for (charset, bytes, offset, shown) in cases {
        assert_eq!(text(charset, bytes), Err(offset), "{charset:?}");
        assert_eq!(replaced(charset, bytes), shown, "{charset:?}");
    }
}

#[test]
fn names_and_widths() {
    let mut names: Vec<_> = Charset::ALL.iter().map(|charset| charset.name()).collect();
    names.dedup();
    assert_eq!(names.len(), 41);
    assert!(names.is_sorted());
    assert_eq!(Charset::Gb18030.max_bytes(), 4);
    assert_eq!(Charset::Utf8mb3.max_bytes(), 3);
    assert_eq!(Charset::Latin1.max_bytes(), 1);
}

#[test]
fn any_bytes_in_any_set_end() {
    for charset in Charset::ALL {
        for first in 0..=255u8 {
            for second in [0, b'0', b'A', 0x80, 0x8E, 0x8F, 0xA1, 0xD8, 0xDF, 0xFE, 0xFF] {
                replaced(charset, &[first]);
                replaced(charset, &[first, second]);
                replaced(charset, &[first, second, first]);
                replaced(charset, &[first, second, first, second, first]);
            }
        }
    }
}

/// Every code of one and two bytes (and 0x8F before two) in the sets that differ from
/// `encoding_rs`; the sums are those of a state in which `tests/charset_live.rs` agreed with both
/// servers.
#[test]
fn tables_are_as_compared_with_the_servers() {
    use Charset::*;
    for (charset, expected) in [
        (Big5, 2928080219),
        (Cp932, 1908912215),
        (Eucjpms, 3540766941),
        (Euckr, 545245338),
        (Gb18030, 2288229597),
        (Gb2312, 1286355280),
        (Gbk, 3742790680),
        (Sjis, 3556151621),
        (Ujis, 1614550614),
    ] {
        let mut sum = crc32fast::Hasher::new();
        for first in 0x80..=255u8 {
            sum.update(replaced(charset, &[first]).as_bytes());
            for second in 0..=255u8 {
                sum.update(replaced(charset, &[first, second]).as_bytes());
                sum.update(replaced(charset, &[0x8F, first, second]).as_bytes());
            }
        }
        assert_eq!(sum.finalize(), expected, "{charset:?}");
    }
}
