//! Any bytes as a line: an error or a message, and then one that another JSON reader sees too.
#![no_main]

use dws::ums::{Bounds, Decoder, Marker};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|line: &[u8]| {
    let mut decoder = Decoder::default();
    let Ok(message) = decoder.decode(line) else { return };
    let _ = Marker::read(&message);
    let value = match serde_json::from_slice::<Value>(line) {
        Ok(value) => Some(value),
        // Rows are not split yet, and numbers out of a binary number's range are legal JSON.
        Err(_) => None,
    };
    let rows = value.as_ref().and_then(|value| value.get("payload")?.as_array());
    if let Some(rows) = rows {
        assert_eq!(rows.len(), message.row_count());
    }
    let mut cells = Vec::new();
    for (index, row) in message.rows().enumerate() {
        let row = row.expect("a row whose tuple was found");
        let other = rows.and_then(|rows| rows.get(index)?.get("tuple")?.as_array());
        let fields = other.map_or(message.header.schema.fields.len(), Vec::len);
        let split = row.split(fields, &mut cells);
        let mut bounds = Bounds::default();
        let found: Result<Vec<_>, _> = bounds
            .read(&row, fields)
            .and_then(|()| (0..fields).map(|at| bounds.cell(&row, at)).collect());
        assert_eq!(found.is_ok(), split.is_ok());
        found.iter().for_each(|found| assert_eq!(found, &cells));
        let Some(other) = other else { continue };
        split.expect("a tuple that the other reader took");
        for (cell, other) in cells.iter().zip(other) {
            let text = cell.text().expect("a cell that was split");
            match other {
                Value::Null => assert_eq!(text, None),
                Value::String(other) => assert_eq!(text.as_deref(), Some(other.as_str())),
                _ => assert_eq!(
                    serde_json::from_str::<Value>(&text.expect("a value")).ok().as_ref(),
                    Some(other)
                ),
            }
        }
    }
});
