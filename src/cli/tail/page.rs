//! The texts of dbus-tail(1). A table.

use crate::cli::Page;

/// The page.
pub(super) const PAGE: Page = Page {
    description: "",
    environment: &[],
    files: &[],
    examples: &[],
    diagnostics: &[],
    see_also: &["ums(7)", "dws-endpoints(7)", "ums-sink(1)"],
    caveats: "",
    bugs: "",
};
