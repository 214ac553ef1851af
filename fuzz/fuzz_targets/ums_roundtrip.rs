//! A message that reads is written again and reads the same; any text is a string that reads back.
#![no_main]

use dws::ums::{Decoder, Dialect, MessageWriter, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    strings(bytes);
    let mut decoder = Decoder::default();
    let Ok(message) = decoder.decode(bytes) else { return };
    let schema = &message.header.schema;
    let mut writer = MessageWriter::new(message.protocol, schema, Dialect::Dws);
    let (mut cells, mut again) = (Vec::new(), Vec::new());
    for row in message.rows() {
        let row = row.expect("a row whose tuple was found");
        if row.split(schema.fields.len(), &mut cells).is_err() {
            return;
        }
        let out = writer.begin_row();
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            cell.push_json(out);
        }
        writer.end_row();
    }
    let mut line = Vec::new();
    writer.finish_into(&mut line);
    if line.is_empty() {
        return;
    }
    let mut other = Decoder::default();
    let copy = other.decode(&line).expect("what we wrote");
    assert_eq!(copy.protocol, message.protocol);
    assert_eq!(&copy.header.schema, schema);
    assert_eq!(copy.row_count(), message.row_count());
    for (row, copied) in message.rows().zip(copy.rows()) {
        let fields = schema.fields.len();
        row.expect("a row").split(fields, &mut cells).expect("a tuple");
        copied.expect("a row").split(fields, &mut again).expect("a tuple");
        assert_eq!(cells, again);
    }
});

fn strings(bytes: &[u8]) {
    let mut plain = Vec::new();
    let is_plain = json::push_plain_ascii(&mut plain, bytes);
    assert_eq!(plain, if is_plain { bytes } else { b"" });
    if let Ok(text) = std::str::from_utf8(bytes) {
        let mut out = Vec::new();
        json::push_string(&mut out, text);
        assert_eq!(out == [b"\"", bytes, b"\""].concat() && text.is_ascii(), is_plain);
        assert_eq!(serde_json::from_slice::<String>(&out).expect("a string"), text);
    }
}
