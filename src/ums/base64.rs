//! HOT. Binary cells back to bytes (RFC 4648, section 4). Uses nothing of the project.
//!
//! Only what an encoder writes is taken: bits behind the last byte that are not zero would be lost in
//! silence, and a sink that gives the bytes back would give back another text.

/// The bytes of standard Base64 with padding; `None` when the text is anything else.
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    append_base64(text, &mut bytes).then_some(bytes)
}

/// Appends the bytes of standard Base64 with padding; false, and nothing appended, when the text is
/// anything else.
pub fn append_base64(text: &[u8], out: &mut Vec<u8>) -> bool {
    let before = out.len();
    let done = groups(text, out);
    if done.is_none() {
        out.truncate(before);
    }
    done.is_some()
}

fn groups(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (groups, rest) = text.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let Some((last, groups)) = groups.split_last() else { return Some(()) };
    out.reserve(groups.len().saturating_add(1).saturating_mul(3));
    for group in groups {
        out.extend_from_slice(&bytes(group)?);
    }
    match last {
        [a, b, b'=', b'='] => {
            let [first, second, _] = bytes(&[*a, *b, b'A', b'A'])?;
            (second == 0).then(|| out.push(first))
        }
        [a, b, c, b'='] => {
            let [first, second, third] = bytes(&[*a, *b, *c, b'A'])?;
            (third == 0).then(|| out.extend_from_slice(&[first, second]))
        }
        group => {
            out.extend_from_slice(&bytes(group)?);
            Some(())
        }
    }
}

fn bytes(group: &[u8; 4]) -> Option<[u8; 3]> {
    let [a, b, c, d] = group.map(|byte| DIGITS[usize::from(byte)]);
    if (a | b | c | d) & NONE != 0 {
        return None;
    }
    Some([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d])
}

const NONE: u8 = 0x80;

/// The value of each byte as a Base64 digit.
const DIGITS: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = [NONE; 256];
    let mut value = 0;
    while value < 64 {
        digits[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ums::json::push_base64;

    #[test]
    fn base64_reads_what_it_wrote_and_nothing_else() {
        for length in 0..70_u8 {
            let bytes: Vec<u8> = (0..length).map(|i| i.wrapping_mul(37) ^ 0xa5).collect();
            let mut text = Vec::new();
            push_base64(&mut text, &bytes);
            assert_eq!(decode_base64(&text), Some(bytes));
        }
        let mut out = b"x".to_vec();
        for wrong in [
            "A", "AB", "ABC", "A===", "A=BC", "AB=C", "====", "AB C", "QQ==QQ==", "AB==", "AAB=",
            "A-_A", "AAA\n",
        ] {
            assert!(!append_base64(wrong.as_bytes(), &mut out), "{wrong}");
            assert_eq!(out, b"x");
        }
    }
}
