//! Every row exactly once, whatever the key is.
