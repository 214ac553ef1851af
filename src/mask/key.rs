//! The key of the methods that have one. Uses `error`. Not hot.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, Result};

/// HMAC-SHA-256.
pub(super) type Signer = Hmac<Sha256>;

/// The fewest bytes of a key: fewer could be guessed.
pub const KEY_BYTES: usize = 16;

/// A secret. It is never shown, not even by `Debug`.
#[derive(Clone)]
pub struct Key {
    signer: Signer,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// The key in a file's bytes: all of them but line ends at the end.
    ///
    /// # Errors
    /// `Usage` for less than 16 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
        let bytes = bytes.get(..end.map_or(0, |end| end + 1)).unwrap_or_default();
        if bytes.len() < KEY_BYTES {
            return Err(Error::usage(format!(
                "the key has {} bytes, it needs {KEY_BYTES} or more",
                bytes.len()
            ))
            .advise("make one with: openssl rand -hex 32"));
        }
        let signer = Signer::new_from_slice(bytes)
            .map_err(|_| Error::usage("the key cannot be used; it is too long"))?;
        Ok(Self { signer })
    }

    /// HMAC-SHA-256 under the key itself, so that others can compute it too.
    pub(super) fn signer(&self) -> Signer {
        self.signer.clone()
    }

    /// Under a key that is made of this one: what one method shows tells nothing of another's.
    pub(super) fn derived(&self, purpose: &str) -> Result<Signer, String> {
        let mut signer = self.signer.clone();
        signer.update(purpose.as_bytes());
        Signer::new_from_slice(&signer.finalize().into_bytes())
            .map_err(|_| "the key cannot be used".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_a_length_and_no_line_end() {
        assert!(Key::new(b"0123456789abcde\n\n").is_err());
        assert!(Key::new(b"").is_err());
        let sign = |key: &[u8]| {
            let mut signer = Key::new(key).unwrap().signer();
            signer.update(b"x");
            signer.finalize().into_bytes()
        };
        assert_eq!(sign(b"0123456789abcdef\r\n"), sign(b"0123456789abcdef"));
        assert_ne!(sign(b"0123456789abcdef "), sign(b"0123456789abcdef"));
        assert_eq!(format!("{:?}", Key::new(b"0123456789abcdef").unwrap()), "Key");
    }
}
