//! Stored documents against the text that a server showed. Uses `mysql::json`.

use super::*;

/// Stored bytes and the text that SELECT showed, recorded from MySQL 9.7 by `tests/json_live.rs`.
const RECORDED: &str = include_str!("../../../tests/data/json/documents.tsv");

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn text(binary: &[u8]) -> Result<String> {
    let mut out = b"x".to_vec();
    let done = push_text(&mut out, binary);
    if done.is_err() {
        assert_eq!(out, b"x", "a refused document leaves nothing behind");
    }
    done.map(|()| String::from_utf8(out.split_off(1)).unwrap())
}

#[test]
fn what_a_server_stored_and_showed() {
    let mut seen = 0;
    for line in RECORDED.lines() {
        let (binary, shown) = line.split_once('\t').unwrap();
        assert_eq!(text(&unhex(binary)).unwrap(), shown);
        seen += 1;
    }
    assert!(seen > 100);
}

#[test]
fn no_bytes_are_null() {
    assert_eq!(text(&[]).unwrap(), "null");
}

#[test]
fn a_string_in_another_set_stays_readable() {
    let opaque = |bytes: &[u8]| [&[0x0F, 253, bytes.len() as u8], bytes].concat();
    assert_eq!(text(&opaque(b"a\"\0")).unwrap(), "\"a\\\"\\u0000\"");
    assert_eq!(text(&opaque(b"\x20\xAC")).unwrap(), "\"base64:type253:IKw=\"");
}

#[test]
fn cut_documents_are_refused() {
    for line in RECORDED.lines().take(200) {
        let binary = unhex(line.split_once('\t').unwrap().0);
        for length in 1..binary.len() {
            assert!(text(&binary[..length]).is_err(), "{length} bytes of {binary:02X?}");
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    for line in RECORDED.lines().take(200) {
        let mut binary = unhex(line.split_once('\t').unwrap().0);
        for at in 0..binary.len() {
            for bit in 0..8 {
                binary[at] ^= 1 << bit;
                let _ = text(&binary);
                binary[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn parts_that_overlap_are_refused() {
    // An array of arrays that all stand at the same place.
    let mut inner = vec![0x02, 2, 0, 10, 0, 0x04, 0, 0, 0x04, 0, 0];
    assert_eq!(text(&inner).unwrap(), "[null, null]");
    for _ in 0..40 {
        // Two elements, both the array that follows.
        let size = (inner.len() - 1 + 10) as u16;
        let mut outer = vec![0x02, 2, 0];
        outer.extend(size.to_le_bytes());
        outer.extend([0x02, 10, 0, 0x02, 10, 0]);
        outer.extend(&inner[1..]);
        inner = outer;
        assert!(text(&inner).is_err());
    }
    // A string that an array names many times.
    let mut array = vec![0x02, 100, 0];
    let size = 4 + 100 * 3 + 101u16;
    array.extend(size.to_le_bytes());
    array.extend((0..100).flat_map(|_| [0x0C, 0x30, 0x01]));
    array.push(100);
    array.extend([b'a'; 100]);
    assert!(text(&array).is_err());
}

#[test]
fn deep_and_strange_documents_are_refused() {
    let nested = |levels: usize| {
        let mut inner = vec![0x04, 0x00];
        for level in 0..levels {
            let size = if level == 0 { 7u16 } else { (inner.len() - 1 + 7) as u16 };
            let mut outer = vec![0x02, 1, 0];
            outer.extend(size.to_le_bytes());
            if level == 0 {
                outer.extend([0x04, 0, 0]);
            } else {
                outer.extend([0x02, 7, 0]);
                outer.extend(&inner[1..]);
            }
            inner = outer;
        }
        inner
    };
    assert!(text(&nested(100)).is_ok());
    assert!(text(&nested(101)).is_err());
    for strange in [
        &[0x0D][..],
        &[0x10, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x04, 3],
        &[0x0B, 0, 0, 0, 0, 0, 0, 0xF0, 0x7F],
        &[0x0C, 1, 0xFF],
        &[0x0C, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0x0F, 246, 2, 66, 0],
        &[0x0F, 12, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0x0F, 11, 8, 0, 0, 0, 0, 0, 0, 0, 0x40],
        &[0x0F, 10, 3, 0, 0, 0],
        &[0x03, 0xFF, 0xFF, 0xFF, 0xFF, 8, 0, 0, 0],
    ] {
        assert!(text(strange).is_err(), "{strange:02X?}");
    }
}
