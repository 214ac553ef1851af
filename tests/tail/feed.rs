//! A log in memory through the whole decoder: frames, transactions, rows, messages.

use std::io::Write;
use std::time::Duration;

use dws::endpoint::binlog::publish::{Bounds, Publisher, Setup};
use dws::endpoint::binlog::schema::Definitions;
use dws::endpoint::binlog::{Options, Published};
use dws::error::Result;
use dws::line::output::Output;
use dws::mysql::body::SpillPolicy;
use dws::mysql::charset::Bad;
use dws::mysql::chunk::LogName;
use dws::mysql::format::Format;
use dws::mysql::frame::{EventLog, Feed, FileFrames};
use dws::mysql::gtid::GtidSet;
use dws::mysql::schema_store::SchemaStore;
use dws::mysql::transaction::Assembler;
use dws::ums::{Decoder, Dialect};

/// Reads every line that is written, as a reader downstream would.
#[derive(Default)]
struct Reader(Vec<u8>);

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            Decoder::default().decode(&line).expect("a message that a reader takes");
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Output for Reader {
    fn sync(&mut self) -> Result<bool> {
        Ok(false)
    }
}

/// Rows that came out before the log ended or was refused, and how it was.
pub fn feed(log: Vec<u8>) -> (u64, Result<()>) {
    let name = || LogName::new("binlog.000001");
    let policy = SpillPolicy { folder: None, memory: 1 << 20 };
    let mut assembler = Assembler::new(name(), Format::before_the_first(), GtidSet::Empty, policy);
    let options = Options {
        source: "test".to_owned(),
        dialect: Dialect::Dws,
        batch_rows: 500,
        batch_bytes: 1 << 20,
        before: log.len().is_multiple_of(2),
        ordered: false,
        bad_text: Bad::Replace,
        base: 0,
        capture: Box::new(|_, _| true),
        logical: Box::new(|schema, table| Published {
            schema: schema.to_owned(),
            table: table.to_owned(),
            schema_shard: "0".to_owned(),
            table_shard: "0".to_owned(),
        }),
        masks: None,
    };
    let setup = Setup {
        options,
        definitions: Definitions::default(),
        bounds: Bounds::default(),
        marker_every: Duration::from_secs(1),
        store: SchemaStore::default(),
        server: String::new(),
        on_change: None,
    };
    let mut publisher = Publisher::new(setup, Box::new(Reader::default()));
    let mut frames = FileFrames::new(name(), Box::new(std::io::Cursor::new(log)));
    let mut run = || -> Result<()> {
        loop {
            match frames.next()? {
                Feed::Events(chunk) => {
                    assembler.feed(chunk, &mut publisher)?;
                }
                Feed::Torn(_) | Feed::Idle => {}
                Feed::End => break,
            }
        }
        publisher.mark(&assembler.position(), None)
    };
    let result = run();
    let flushed = publisher.flush();
    (publisher.totals.rows, result.and(flushed))
}
