//! HOT. Writing JSON tokens straight into bytes. Uses nothing.

/// `"text"` with escapes.
pub fn push_string(_out: &mut Vec<u8>, _text: &str) {
    todo!()
}
/// The escaped bytes of valid UTF-8 `text` without the quotes.
pub fn push_escaped(_out: &mut Vec<u8>, _text: &[u8]) {
    todo!()
}
/// If all of `bytes` are ASCII that needs no escape, appends them and returns true; else appends
/// nothing and returns false. The fast path for text whose character set is not yet checked.
pub fn push_plain_ascii(_out: &mut Vec<u8>, _bytes: &[u8]) -> bool {
    todo!()
}
/// Decimal digits.
pub fn push_i64(_out: &mut Vec<u8>, _value: i64) {
    todo!()
}
/// Decimal digits.
pub fn push_u64(_out: &mut Vec<u8>, _value: u64) {
    todo!()
}
/// `value` with leading zeros up to `width` digits (at most 20).
pub fn push_padded(_out: &mut Vec<u8>, _value: u64, _width: usize) {
    todo!()
}
/// Standard Base64 with padding, no quotes.
pub fn push_base64(_out: &mut Vec<u8>, _bytes: &[u8]) {
    todo!()
}
/// The shortest text that reads back the same; JSON has no NaN or infinity: writes `null`.
pub fn push_f64(_out: &mut Vec<u8>, _value: f64) {
    todo!()
}
/// The shortest text that reads back the same as a 32-bit float.
pub fn push_f32(_out: &mut Vec<u8>, _value: f32) {
    todo!()
}
