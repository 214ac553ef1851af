//! Byte stores by URL, with atomic appearance. Uses `error`. Not hot.
