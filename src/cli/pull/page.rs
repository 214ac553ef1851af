//! The texts of dbus-pull(1). A table.

use crate::cli::Page;

/// The page.
pub(super) const PAGE: Page = Page {
    description: "",
    environment: &[],
    files: &[],
    examples: &[],
    diagnostics: &[],
    see_also: &[],
    caveats: "",
    bugs: "",
};
