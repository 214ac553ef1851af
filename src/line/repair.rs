//! How much of an output file survived: the length up to the last whole line, gzip member or zstd
//! frame. Uses `error`. Runs once, at opening.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};

use flate2::bufread::GzDecoder;
use memchr::memrchr;

use super::output::Packing;
use crate::error::{Error, Result};

/// The length up to which `file` is whole; reads a compressed file from its beginning.
///
/// # Errors
/// `Refused` when the file is not one that we write: cutting it would destroy something.
pub(super) fn whole_length(file: &mut File, path: &str, packing: Packing) -> Result<u64> {
    let failed = |error| Error::io(format_args!("{path}: cannot read"), error);
    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
    if length == 0 {
        return Ok(0);
    }
    file.rewind().map_err(failed)?;
    let mut first = [0; 4];
    let read = file.read(&mut first).map_err(failed)?;
    let magic: &[u8] = match packing {
        Packing::Plain => b"{",
        Packing::Gzip => &[0x1f, 0x8b],
        Packing::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
    };
    // A file torn inside its first bytes has a part of the magic number.
    if !first.iter().take(read).zip(magic).all(|(byte, expected)| byte == expected) {
        return Err(foreign(path));
    }
    match packing {
        Packing::Plain => after_last_newline(file, length).map_err(failed),
        _ => {
            file.rewind().map_err(failed)?;
            after_last_member(file, path, packing)
        }
    }
}

fn foreign(path: &str) -> Error {
    Error::refused(format!("{path}: exists and does not hold lines of JSON as its name says"))
        .advise("choose another name, or move the file away")
}

fn after_last_newline(file: &mut File, length: u64) -> std::io::Result<u64> {
    let mut block = vec![0; 64 << 10];
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = usize::try_from(end - start).unwrap_or(0);
        let part = block.get_mut(..part).unwrap_or_default();
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = memrchr(b'\n', part) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn after_last_member(file: &mut File, path: &str, packing: Packing) -> Result<u64> {
    let mut input = Counted { inner: BufReader::with_capacity(256 << 10, file), taken: 0 };
    let mut whole = 0;
    while !input.fill_buf().map_err(|error| Error::io(path, error))?.is_empty() {
        match drain_member(&mut input, packing) {
            Ok(Some(last)) if last != b'\n' => return Err(foreign(path)),
            Ok(_) => whole = input.taken,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) if error.raw_os_error().is_some() => return Err(Error::io(path, error)),
            // Damage that is no torn end: cutting there could destroy what follows.
            Err(error) => {
                return Err(Error::refused(format!("{path}: damaged after byte {whole}: {error}"))
                    .advise("move the file away"));
            }
        }
    }
    Ok(whole)
}

/// Reads one member or frame to its end; gives the last byte of its contents.
fn drain_member(input: &mut Counted<'_>, packing: Packing) -> std::io::Result<Option<u8>> {
    match packing {
        Packing::Zstd => drain(zstd::Decoder::with_buffer(input)?.single_frame()),
        _ => drain(GzDecoder::new(input)),
    }
}

fn drain(mut contents: impl Read) -> std::io::Result<Option<u8>> {
    let mut block = vec![0; 64 << 10];
    let mut last = None;
    loop {
        let read = contents.read(&mut block)?;
        let Some(at) = read.checked_sub(1) else { return Ok(last) };
        last = block.get(at).copied();
    }
}

/// Counts the bytes that a decoder took.
struct Counted<'a> {
    inner: BufReader<&'a mut File>,
    taken: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(room)?;
        self.taken += read as u64;
        Ok(read)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.inner.fill_buf()
    }
    fn consume(&mut self, amount: usize) {
        self.taken += amount as u64;
        self.inner.consume(amount);
    }
}
