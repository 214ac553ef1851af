//! Where streams come from and go to. Uses `error`, `ums`, layer 2. Not hot.
