//! HOT. Newline framing with line numbers and limits. Uses `error`.
