//! The Asian sets of two to four bytes. Uses `encoding_rs`. Hot: a look-up in a table that is made
//! at the first use of a set.

mod changes;

use std::sync::OnceLock;

use encoding_rs::Encoding;

use super::{Step, step};
pub use changes::{BIG5, CP932, EUCJPMS, EUCKR, GB2312, GB18030, GBK, SJIS, UJIS};

/// How long the codes of a set are, beyond ASCII.
#[derive(Copy, Clone, PartialEq)]
enum Shape {
    /// Two bytes.
    Two,
    /// Two bytes; one for half-width katakana.
    TwoAndKana,
    /// Two bytes, the second also a digit: then four.
    TwoAndFour,
    /// EUC: two bytes; 0x8E and one byte for half-width katakana; 0x8F and two bytes.
    Euc,
}

/// A set: what `encoding_rs` knows it as, and where the servers differ.
pub struct MultiByte {
    encoding: &'static Encoding,
    /// The first bytes of two-byte codes, in rising ranges.
    leads: &'static [(u8, u8)],
    /// Their second bytes.
    trails: &'static [(u8, u8)],
    shape: Shape,
    /// Codes, from and to, without a character on the servers.
    undefined: &'static [(u32, u32)],
    /// Codes, from and to, with other characters on the servers: the first one, the rest follow.
    moved: &'static [(u32, u32, u16)],
    table: OnceLock<Table>,
}

/// A UTF-16 unit for every code; 0 for none.
pub struct Table {
    /// By first byte less 0x80 and second byte.
    two: Vec<u16>,
    /// The same behind 0x8F.
    three: Vec<u16>,
}

const PREFIX_KANA: u8 = 0x8E;
const PREFIX_THREE: u8 = 0x8F;
/// Half-width katakana as one byte, and the character of the first.
const KANA: std::ops::RangeInclusive<u8> = 0xA1..=0xDF;
const FIRST_KANA: u16 = 0xFF61;

impl MultiByte {
    /// The table, made at the first call.
    pub fn table(&self) -> &Table {
        self.table.get_or_init(|| Table {
            two: self.plane(None),
            three: match self.shape {
                Shape::Euc => self.plane(Some(PREFIX_THREE)),
                _ => Vec::new(),
            },
        })
    }

    /// The next character; `rest` begins with a byte that is not ASCII.
    pub fn step(&self, table: &Table, rest: &[u8]) -> Step {
        let (lead, trail) = match *rest {
            [lead] | [lead, ..] if self.shape == Shape::TwoAndKana && KANA.contains(&lead) => {
                return Step::Char(kana(lead), 1);
            }
            [PREFIX_KANA, kana_byte, ..]
                if self.shape == Shape::Euc && KANA.contains(&kana_byte) =>
            {
                return Step::Char(kana(kana_byte), 2);
            }
            [PREFIX_THREE, lead, trail, ..] if self.shape == Shape::Euc => {
                let unit = entry(&table.three, lead, trail);
                return step(unit, 3, skip(&[lead, trail]));
            }
            [_, b'0'..=b'9', ..] if self.shape == Shape::TwoAndFour => return self.four(rest),
            [lead, trail, ..] => (lead, trail),
            _ => return Step::Bad(1),
        };
        step(entry(&table.two, lead, trail), 2, skip(&[trail]))
    }

    /// A four-byte code of gb18030, where `encoding_rs` and the server agree.
    fn four(&self, rest: &[u8]) -> Step {
        let code = rest.get(..4).unwrap_or_default();
        let text = self.encoding.decode_without_bom_handling_and_without_replacement(code);
        match text.as_deref().map(|text| (text.chars().next(), text.chars().count())) {
            Some((Some(character), 1)) => Step::Char(character, 4),
            _ => Step::Bad(1),
        }
    }

    fn plane(&self, prefix: Option<u8>) -> Vec<u16> {
        let mut plane = vec![0; 0x80 << 8];
        let bytes = |ranges: &'static [(u8, u8)]| ranges.iter().flat_map(|(from, to)| *from..=*to);
        let mut code = prefix.map_or(Vec::new(), |prefix| vec![prefix]);
        let mut moved = None;
        for (lead, trail) in
            bytes(self.leads).flat_map(|lead| bytes(self.trails).map(move |trail| (lead, trail)))
        {
            code.truncate(usize::from(prefix.is_some()));
            code.extend([lead, trail]);
            let number = code.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
            let in_range = |from: u32, to: u32| (from..=to).contains(&number);
            let change = self.moved.iter().find(|(from, to, _)| in_range(*from, *to));
            let unit = if self.undefined.iter().any(|(from, to)| in_range(*from, *to)) {
                0
            } else if let Some((from, _, first)) = change {
                let unit = match moved {
                    Some((run, unit)) if run == *from => unit + 1,
                    _ => *first,
                };
                moved = Some((*from, unit));
                unit
            } else {
                self.unit(&code)
            };
            if let Some(slot) = plane.get_mut(index(lead, trail)) {
                *slot = unit;
            }
        }
        plane
    }

    /// What `encoding_rs` makes of one code; 0 unless it is one character of one UTF-16 unit.
    fn unit(&self, code: &[u8]) -> u16 {
        let text = self.encoding.decode_without_bom_handling_and_without_replacement(code);
        let mut units = text.as_deref().unwrap_or_default().encode_utf16();
        match (units.next(), units.next()) {
            (Some(unit), None) => unit,
            _ => 0,
        }
    }
}

fn index(lead: u8, trail: u8) -> usize {
    usize::from(lead & 0x7F) << 8 | usize::from(trail)
}

fn entry(plane: &[u16], lead: u8, trail: u8) -> u16 {
    match lead {
        0x80.. => plane.get(index(lead, trail)).copied().unwrap_or(0),
        _ => 0,
    }
}

/// How many bytes a code without a character takes: an ASCII byte is never swallowed.
fn skip(behind_first: &[u8]) -> usize {
    1 + behind_first.iter().take_while(|byte| !byte.is_ascii()).count()
}

fn kana(byte: u8) -> char {
    let unit = FIRST_KANA + u16::from(byte - KANA.start());
    char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER)
}
