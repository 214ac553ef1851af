//! Any TABLE_MAP and any row event: cells, or an error. Walking and writing an image agree on where
//! it ends.
#![no_main]

use dws::mysql::charset::Bad;
use dws::mysql::event::{Event, Header, kind};
use dws::mysql::format::Format;
use dws::mysql::rows::{self, Change, RowsEvent};
use dws::mysql::table_map::TableMap;
use dws::mysql::types;
use dws::mysql::value::Scratch;
use libfuzzer_sys::fuzz_target;

const KINDS: [u8; 12] = [
    kind::WRITE_ROWS,
    kind::UPDATE_ROWS,
    kind::DELETE_ROWS,
    kind::PARTIAL_UPDATE_ROWS,
    kind::WRITE_ROWS_V0,
    kind::WRITE_ROWS_V1,
    kind::UPDATE_ROWS_V1,
    kind::DELETE_ROWS_V1,
    kind::MARIADB_WRITE_ROWS_COMPRESSED_V1,
    kind::MARIADB_UPDATE_ROWS_COMPRESSED_V1,
    kind::MARIADB_WRITE_ROWS_COMPRESSED,
    kind::MARIADB_UPDATE_ROWS_COMPRESSED,
];

// First byte: the kind of the row event; two bytes: how many of the rest are the TABLE_MAP.
fuzz_target!(|bytes: &[u8]| {
    let Some((&[choice, low, high], rest)) = bytes.split_first_chunk::<3>() else { return };
    let len = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
    let (map, body) = rest.split_at(len);
    let Ok(map) = TableMap::parse(map, 6) else { return };
    let mariadb = choice & 0x80 != 0;
    let shape = types::shape(&map, mariadb);
    let planned = types::plan(&map, None, mariadb);
    let kind = KINDS[usize::from(choice & 0x7f) % KINDS.len()];
    let header = Header { timestamp: 0, kind, server_id: 1, size: 0, log_pos: 0, flags: 0 };
    let event = Event { header, body, offset: 4, len: body.len() as u64 };
    let Ok(Some(event)) = RowsEvent::parse(&event, &Format::before_the_first()) else { return };
    if let Ok(columns) = shape {
        rows::count(&event, &columns);
    }
    let Ok(columns) = planned else { return };
    let mut scratch = Scratch::new(if choice & 0x40 == 0 { Bad::Stop } else { Bad::Replace });
    let (mut before, mut after, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let mut at = 0;
    while at < event.rows.len() {
        let start = at;
        out.clear();
        let image = &event.rows[at..];
        let all = event.columns == columns.len() && event.first.all();
        let pushed = rows::push_image(&columns, &event.first, all, image, &mut out, &mut scratch);
        let Some(end) = rows::walk(&columns, &event.first, false, &event.rows, at, &mut before)
        else {
            return;
        };
        if let Ok(used) = pushed {
            assert_eq!(start + used, end);
        }
        at = end;
        if event.change == Change::Update {
            let partial = event.partial_json;
            let end = rows::walk(&columns, &event.after, partial, &event.rows, at, &mut after);
            let Some(end) = end else { return };
            at = end;
            for ((column, cell), before) in columns.iter().zip(&after).zip(&before) {
                out.clear();
                let _ = rows::push_cell(
                    column,
                    cell,
                    Some(before),
                    &event.rows,
                    &mut out,
                    &mut scratch,
                );
            }
        }
        if at == start {
            return;
        }
    }
});
