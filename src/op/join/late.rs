//! Some rows of a message, as a message of their own. Uses `ums`. Warm: once a message that has such
//! rows.

use crate::ums::Message;

/// Appends the message with only the rows of these numbers, from 0 and rising, as they stand.
pub fn push_rows(message: &Message, line: &[u8], rows: &[usize], out: &mut Vec<u8>) {
    // The payload is a part of the line, so its address says where.
    let from = message.payload.as_ptr().addr().saturating_sub(line.as_ptr().addr());
    out.extend_from_slice(line.get(..from).unwrap_or_default());
    let mut wanted = rows.iter().peekable();
    let mut first = true;
    for (number, row) in message.rows().enumerate() {
        if wanted.next_if(|next| **next == number).is_some()
            && let Ok(row) = row
        {
            out.extend_from_slice(if first { b"{\"tuple\":[" } else { b",{\"tuple\":[" });
            out.extend_from_slice(row.bytes);
            out.extend_from_slice(b"]}");
            first = false;
        }
    }
    out.extend_from_slice(line.get(from + message.payload.len()..).unwrap_or_default());
    out.push(b'\n');
}
