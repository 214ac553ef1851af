//! The edge: arguments, exit codes, messages to people. Uses everything below.
