//! Messages through windows, one at a time.
