//! Inputs one after the other, untouched. Uses `ums`. HOT: a copy of each line.

use super::pack::Unpack;
use super::{Operation, Sent};
use crate::error::Result;
use crate::ums::{Message, Pattern};

/// Every message passes, or those of some namespaces.
#[derive(Debug, Default)]
pub struct Union {
    /// Namespaces that pass; all when empty.
    pub patterns: Vec<Pattern>,
}

impl Operation for Union {
    fn take(&mut self, message: &Message, line: &[u8], sent: &mut Sent) -> Result<()> {
        let namespace = &message.header.schema.namespace;
        let wanted = |pattern: &Pattern| pattern.matches(namespace);
        if self.patterns.is_empty() || self.patterns.iter().any(wanted) {
            let rows = if message.protocol.is_data() { message.row_count() } else { 0 };
            sent.pass(line, rows as u64);
        }
        Ok(())
    }

    fn advance(&mut self, _: i64, _: &mut Sent) -> Result<bool> {
        Ok(false)
    }

    fn reach(&self) -> i64 {
        i64::MIN
    }

    fn save(&mut self, _: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn load(&mut self, _: &mut Unpack) -> Result<()> {
        Ok(())
    }
}
