//! The events of a transaction that is not over: in memory while small, in a spill file when large.
//! Uses `error`, `mysql::{chunk, event}`. Warm: once a chunk, not once a row.

use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chunk::{Chunk, LogName};
use super::event::{Event, HEADER_LEN, Header};
use crate::error::{Error, Result};

/// Where large transactions wait, and from which size on.
#[derive(Debug, Clone)]
pub struct SpillPolicy {
    /// The folder; the system's temporary folder when `None`.
    pub folder: Option<PathBuf>,
    /// Bytes that may wait in memory, over all open transactions.
    pub memory: usize,
}

/// Events held until their transaction's end has been seen.
#[derive(Debug, Default)]
pub struct Body {
    /// Runs of whole events in log order; the numbers bound the spans that belong to the body.
    pieces: Vec<(Chunk, std::ops::Range<usize>)>,
    /// Bytes in `pieces`.
    memory: usize,
    /// What went to disk; all of it comes before `pieces`.
    spill: Option<Spill>,
    /// How many events are held.
    events: u64,
}

#[derive(Debug)]
struct Spill {
    writer: BufWriter<std::fs::File>,
    log: Arc<LogName>,
}

impl Body {
    /// How many events are held.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Bytes held in memory.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Takes over a chunk whose spans in `range` belong to the transaction.
    pub fn hold(
        &mut self,
        chunk: Chunk,
        range: std::ops::Range<usize>,
        policy: &SpillPolicy,
    ) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        self.events += range.len() as u64;
        self.memory += chunk.bytes.capacity() + chunk.spans.len() * size_of::<super::chunk::Span>();
        self.pieces.push((chunk, range));
        if self.memory > policy.memory { self.spill(policy.folder.as_deref()) } else { Ok(()) }
    }

    /// Writes everything in memory to the spill file.
    pub fn spill(&mut self, folder: Option<&Path>) -> Result<()> {
        let what = || match folder {
            Some(folder) => format!("spill file in {}", folder.display()),
            None => "spill file in the temporary folder".to_owned(),
        };
        for (chunk, range) in std::mem::take(&mut self.pieces) {
            if self.spill.is_none() {
                let file = match folder {
                    Some(folder) => tempfile::tempfile_in(folder),
                    None => tempfile::tempfile(),
                };
                let file = file.map_err(|e| {
                    Error::io(what(), e).advise("give a folder with room by --spill-dir")
                })?;
                self.spill = Some(Spill {
                    writer: BufWriter::with_capacity(1 << 16, file),
                    log: chunk.log.clone(),
                });
            }
            let Some(spill) = &mut self.spill else { continue };
            for span in chunk.spans.get(range).unwrap_or_default() {
                let bytes = chunk.bytes.get(span.start..span.end).unwrap_or_default();
                let mut head = [0u8; 24];
                let (offset, rest) = head.split_at_mut(8);
                let (len, size) = rest.split_at_mut(8);
                offset.copy_from_slice(&span.offset.to_le_bytes());
                len.copy_from_slice(&span.len.to_le_bytes());
                size.copy_from_slice(&(bytes.len() as u64).to_le_bytes());
                let written =
                    spill.writer.write_all(&head).and_then(|()| spill.writer.write_all(bytes));
                written.map_err(|e| {
                    Error::io(what(), e).advise("give a folder with room by --spill-dir")
                })?;
            }
        }
        self.memory = 0;
        Ok(())
    }

    /// Shows every event in order, with its number from 0 on.
    pub fn visit(&mut self, f: &mut dyn FnMut(u64, &LogName, &Event) -> Result<()>) -> Result<()> {
        let mut number = 0u64;
        if let Some(spill) = &mut self.spill {
            let failed = |e| Error::io("spill file", e);
            spill.writer.flush().map_err(failed)?;
            let mut file = spill.writer.get_ref();
            let end = file.stream_position().map_err(failed)?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            let mut reader = BufReader::with_capacity(1 << 16, file.take(end));
            let mut at = 0u64;
            let mut bytes = Vec::new();
            while at < end {
                let mut head = [[0u8; 8]; 3];
                for part in &mut head {
                    reader.read_exact(part).map_err(failed)?;
                }
                let [offset, len, size] = head.map(u64::from_le_bytes);
                bytes.clear();
                (&mut reader).take(size).read_to_end(&mut bytes).map_err(failed)?;
                at += 24 + size;
                let (Some(header), Some(body)) = (Header::parse(&bytes), bytes.get(HEADER_LEN..))
                else {
                    return Err(Error::unreachable("spill file: it was changed by somebody else"));
                };
                f(number, &spill.log, &Event { header, body, offset, len })?;
                number += 1;
            }
            drop(reader);
            let mut file = spill.writer.get_ref();
            file.seek(SeekFrom::Start(end)).map_err(failed)?;
        }
        for (chunk, range) in &self.pieces {
            for index in range.clone() {
                if let Some(event) = chunk.event(index) {
                    f(number, &chunk.log, &event)?;
                }
                number += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(first: u64, count: u64) -> Chunk {
        let mut chunk = Chunk::new(Arc::new(LogName::new("binlog.000001")));
        for n in first..first + count {
            let mut bytes = vec![0u8; HEADER_LEN];
            bytes.extend_from_slice(&n.to_le_bytes());
            chunk.push(&bytes, n * 100, 100);
        }
        chunk
    }

    fn offsets(body: &mut Body) -> Vec<u64> {
        let mut seen = Vec::new();
        body.visit(&mut |number, _, event| {
            assert_eq!(number, seen.len() as u64);
            seen.push(event.offset);
            Ok(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn order_is_kept_over_the_spill() {
        let policy = SpillPolicy { folder: None, memory: 2000 };
        let mut body = Body::default();
        for n in 0..20 {
            body.hold(chunk(n * 10, 10), 0..10, &policy).unwrap();
            if n == 7 {
                assert_eq!(offsets(&mut body).len(), 80);
            }
        }
        assert!(body.memory() <= 4000, "{}", body.memory());
        assert_eq!(offsets(&mut body), (0..200).map(|n| n * 100).collect::<Vec<_>>());
    }

    #[test]
    fn a_missing_folder_is_an_error_with_advice() {
        let policy = SpillPolicy { folder: Some("/nonexistent/folder".into()), memory: 0 };
        let error = Body::default().hold(chunk(0, 1), 0..1, &policy).unwrap_err();
        assert!(error.to_string().contains("--spill-dir"), "{error}");
    }
}
