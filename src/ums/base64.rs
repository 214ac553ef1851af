//! HOT. Binary cells back to bytes (RFC 4648, section 4). Uses nothing of the project.

/// Standard Base64 with padding; `None` when it is anything else.
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(groups.len().saturating_mul(3));
    let Some((last, whole)) = groups.split_last() else { return Some(bytes) };
    for group in whole {
        bytes.extend_from_slice(&decode_group(*group)?);
    }
    let padding = last.iter().rev().take_while(|byte| **byte == b'=').count();
    let filled = last.map(|byte| if byte == b'=' { b'A' } else { byte });
    let misplaced = last.iter().filter(|byte| **byte == b'=').count() != padding;
    if padding > 2 || misplaced {
        return None;
    }
    bytes.extend(decode_group(filled)?.iter().take(3 - padding));
    Some(bytes)
}

fn decode_group(group: [u8; 4]) -> Option<[u8; 3]> {
    let mut bits = 0_u32;
    for byte in group {
        let value = *DIGITS.get(usize::from(byte))?;
        if value == NONE {
            return None;
        }
        bits = bits << 6 | u32::from(value);
    }
    let [_, first, second, third] = bits.to_be_bytes();
    Some([first, second, third])
}

const NONE: u8 = 255;

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
        for wrong in ["A", "AB", "ABC", "A===", "A=BC", "AB=C", "====", "AB C", "QQ==QQ=="] {
            assert_eq!(decode_base64(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
