//! Text of MySQL's and MariaDB's character sets to UTF-8, as the servers convert it. Uses nothing
//! of the project; `encoding_rs` for the large tables. Hot: once a text cell that is not ASCII.
//!
//! `single_byte` and `multi_byte` hold what the servers answered for every code; where a name
//! promises more (latin1, gbk, …) the servers' meaning counts. `tests/charset_live.rs` asks again.

mod multi_byte;
mod single_byte;
mod unicode;

/// A character set of MySQL 9.7 or MariaDB 10.11.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Charset {
    Armscii8,
    Ascii,
    Big5,
    Binary,
    Cp1250,
    Cp1251,
    Cp1256,
    Cp1257,
    Cp850,
    Cp852,
    Cp866,
    Cp932,
    Dec8,
    Eucjpms,
    Euckr,
    Gb18030,
    Gb2312,
    Gbk,
    Geostd8,
    Greek,
    Hebrew,
    Hp8,
    Keybcs2,
    Koi8r,
    Koi8u,
    Latin1,
    Latin2,
    Latin5,
    Latin7,
    Macce,
    Macroman,
    Sjis,
    Swe7,
    Tis620,
    Ucs2,
    Ujis,
    Utf16,
    Utf16le,
    Utf32,
    Utf8mb3,
    Utf8mb4,
}

impl Charset {
    /// Every set, by name.
    pub const ALL: [Self; 41] = [
        Self::Armscii8,
        Self::Ascii,
        Self::Big5,
        Self::Binary,
        Self::Cp1250,
        Self::Cp1251,
        Self::Cp1256,
        Self::Cp1257,
        Self::Cp850,
        Self::Cp852,
        Self::Cp866,
        Self::Cp932,
        Self::Dec8,
        Self::Eucjpms,
        Self::Euckr,
        Self::Gb18030,
        Self::Gb2312,
        Self::Gbk,
        Self::Geostd8,
        Self::Greek,
        Self::Hebrew,
        Self::Hp8,
        Self::Keybcs2,
        Self::Koi8r,
        Self::Koi8u,
        Self::Latin1,
        Self::Latin2,
        Self::Latin5,
        Self::Latin7,
        Self::Macce,
        Self::Macroman,
        Self::Sjis,
        Self::Swe7,
        Self::Tis620,
        Self::Ucs2,
        Self::Ujis,
        Self::Utf16,
        Self::Utf16le,
        Self::Utf32,
        Self::Utf8mb3,
        Self::Utf8mb4,
    ];

    /// Its name on the server (`SHOW CHARACTER SET`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Armscii8 => "armscii8",
            Self::Ascii => "ascii",
            Self::Big5 => "big5",
            Self::Binary => "binary",
            Self::Cp1250 => "cp1250",
            Self::Cp1251 => "cp1251",
            Self::Cp1256 => "cp1256",
            Self::Cp1257 => "cp1257",
            Self::Cp850 => "cp850",
            Self::Cp852 => "cp852",
            Self::Cp866 => "cp866",
            Self::Cp932 => "cp932",
            Self::Dec8 => "dec8",
            Self::Eucjpms => "eucjpms",
            Self::Euckr => "euckr",
            Self::Gb18030 => "gb18030",
            Self::Gb2312 => "gb2312",
            Self::Gbk => "gbk",
            Self::Geostd8 => "geostd8",
            Self::Greek => "greek",
            Self::Hebrew => "hebrew",
            Self::Hp8 => "hp8",
            Self::Keybcs2 => "keybcs2",
            Self::Koi8r => "koi8r",
            Self::Koi8u => "koi8u",
            Self::Latin1 => "latin1",
            Self::Latin2 => "latin2",
            Self::Latin5 => "latin5",
            Self::Latin7 => "latin7",
            Self::Macce => "macce",
            Self::Macroman => "macroman",
            Self::Sjis => "sjis",
            Self::Swe7 => "swe7",
            Self::Tis620 => "tis620",
            Self::Ucs2 => "ucs2",
            Self::Ujis => "ujis",
            Self::Utf16 => "utf16",
            Self::Utf16le => "utf16le",
            Self::Utf32 => "utf32",
            Self::Utf8mb3 => "utf8mb3",
            Self::Utf8mb4 => "utf8mb4",
        }
    }

    /// The most bytes that one character takes: what the server multiplies CHAR(n) with.
    pub fn max_bytes(self) -> u8 {
        match self {
            Self::Big5 | Self::Cp932 | Self::Euckr | Self::Gb2312 => 2,
            Self::Gbk | Self::Sjis | Self::Ucs2 => 2,
            Self::Eucjpms | Self::Ujis | Self::Utf8mb3 => 3,
            Self::Gb18030 | Self::Utf16 | Self::Utf16le | Self::Utf32 | Self::Utf8mb4 => 4,
            _ => 1,
        }
    }
}

/// What to do with bytes that are no text.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Bad {
    /// Refuse the whole text.
    Stop,
    /// Write U+FFFD for each of them.
    Replace,
}

/// Bytes that are no text in their character set.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct BadText {
    /// Where the first of them is, in bytes from the start of the text.
    pub offset: usize,
}

/// What stands at the start of the rest of a text.
enum Step {
    /// A character, and the bytes it takes (at least 1).
    Char(char, usize),
    /// No character; after so many bytes (at least 1) the next one may begin.
    Bad(usize),
}

/// Appends `bytes`, text in `charset`, as UTF-8. What the server itself has no character for (it
/// shows `?`) is bad. With [`Bad::Stop`] `out` stays as it was on an error; with [`Bad::Replace`]
/// there is no error. `binary` is no text: in it every byte from 0x80 is bad.
pub fn decode(charset: Charset, bytes: &[u8], bad: Bad, out: &mut String) -> Result<(), BadText> {
    let table = match charset {
        Charset::Utf8mb3 | Charset::Utf8mb4 => return utf8(bytes, bad, out),
        Charset::Ucs2 => return walk(bytes, bad, out, false, unicode::ucs2),
        Charset::Utf16 => return walk(bytes, bad, out, false, unicode::utf16),
        Charset::Utf16le => return walk(bytes, bad, out, false, unicode::utf16le),
        Charset::Utf32 => return walk(bytes, bad, out, false, unicode::utf32),
        Charset::Swe7 => return walk(bytes, bad, out, false, swe7),
        Charset::Ascii | Charset::Binary => return walk(bytes, bad, out, true, |_| Step::Bad(1)),
        Charset::Big5 => return multi(&multi_byte::BIG5, bytes, bad, out),
        Charset::Cp932 => return multi(&multi_byte::CP932, bytes, bad, out),
        Charset::Eucjpms => return multi(&multi_byte::EUCJPMS, bytes, bad, out),
        Charset::Euckr => return multi(&multi_byte::EUCKR, bytes, bad, out),
        Charset::Gb18030 => return multi(&multi_byte::GB18030, bytes, bad, out),
        Charset::Gb2312 => return multi(&multi_byte::GB2312, bytes, bad, out),
        Charset::Gbk => return multi(&multi_byte::GBK, bytes, bad, out),
        Charset::Sjis => return multi(&multi_byte::SJIS, bytes, bad, out),
        Charset::Ujis => return multi(&multi_byte::UJIS, bytes, bad, out),
        Charset::Armscii8 => &single_byte::ARMSCII8,
        Charset::Cp1250 => &single_byte::CP1250,
        Charset::Cp1251 => &single_byte::CP1251,
        Charset::Cp1256 => &single_byte::CP1256,
        Charset::Cp1257 => &single_byte::CP1257,
        Charset::Cp850 => &single_byte::CP850,
        Charset::Cp852 => &single_byte::CP852,
        Charset::Cp866 => &single_byte::CP866,
        Charset::Dec8 => &single_byte::DEC8,
        Charset::Geostd8 => &single_byte::GEOSTD8,
        Charset::Greek => &single_byte::GREEK,
        Charset::Hebrew => &single_byte::HEBREW,
        Charset::Hp8 => &single_byte::HP8,
        Charset::Keybcs2 => &single_byte::KEYBCS2,
        Charset::Koi8r => &single_byte::KOI8R,
        Charset::Koi8u => &single_byte::KOI8U,
        Charset::Latin1 => &single_byte::LATIN1,
        Charset::Latin2 => &single_byte::LATIN2,
        Charset::Latin5 => &single_byte::LATIN5,
        Charset::Latin7 => &single_byte::LATIN7,
        Charset::Macce => &single_byte::MACCE,
        Charset::Macroman => &single_byte::MACROMAN,
        Charset::Tis620 => &single_byte::TIS620,
    };
    walk(bytes, bad, out, true, |rest| single(table, rest))
}

fn utf8(bytes: &[u8], bad: Bad, out: &mut String) -> Result<(), BadText> {
    match (std::str::from_utf8(bytes), bad) {
        (Ok(text), _) => out.push_str(text),
        (Err(error), Bad::Stop) => return Err(BadText { offset: error.valid_up_to() }),
        (Err(_), Bad::Replace) => out.push_str(&String::from_utf8_lossy(bytes)),
    }
    Ok(())
}

fn single(table: &[u16; 128], rest: &[u8]) -> Step {
    let high = rest.first().map_or(0, |byte| usize::from(byte & 0x7F));
    step(table.get(high).copied().unwrap_or(0), 1, 1)
}

fn swe7(rest: &[u8]) -> Step {
    let byte = rest.first().copied().unwrap_or(0);
    match single_byte::SWE7_LOW.iter().find(|(odd, _)| *odd == byte) {
        Some((_, unit)) => step(*unit, 1, 1),
        None if byte.is_ascii() => Step::Char(byte.into(), 1),
        None => Step::Bad(1),
    }
}

fn multi(
    set: &'static multi_byte::MultiByte,
    bytes: &[u8],
    bad: Bad,
    out: &mut String,
) -> Result<(), BadText> {
    let table = set.table();
    walk(bytes, bad, out, true, |rest| set.step(table, rest))
}

/// The step of a table's entry: a UTF-16 unit that takes `length` bytes; 0 is none, to be skipped
/// with `skip` bytes.
fn step(unit: u16, length: usize, skip: usize) -> Step {
    match char::from_u32(unit.into()) {
        Some(character) if unit != 0 => Step::Char(character, length),
        _ => Step::Bad(skip),
    }
}

/// Reads `bytes` step by step. `ascii`: bytes below 0x80 between characters are ASCII, so runs of
/// them are copied, and `next` sees no such byte first.
fn walk(
    bytes: &[u8],
    bad: Bad,
    out: &mut String,
    ascii: bool,
    next: impl Fn(&[u8]) -> Step,
) -> Result<(), BadText> {
    let start = out.len();
    let mut rest = bytes;
    loop {
        if ascii {
            let run = rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
            let (plain, after) = rest.split_at(run);
            out.push_str(std::str::from_utf8(plain).unwrap_or_default());
            rest = after;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let used = match (next(rest), bad) {
            (Step::Char(character, used), _) => {
                out.push(character);
                used
            }
            (Step::Bad(used), Bad::Replace) => {
                out.push(char::REPLACEMENT_CHARACTER);
                used
            }
            (Step::Bad(_), Bad::Stop) => {
                out.truncate(start);
                return Err(BadText { offset: bytes.len() - rest.len() });
            }
        };
        rest = rest.get(used..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
