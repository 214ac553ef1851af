//! The texts of ums-join(1). A table.

use crate::cli::{Example, Page};

/// The page.
pub(super) const PAGE: Page = Page {
    description: "ums-join puts streams together.",
    environment: &[(
        "NO_COLOR, TERM",
        "Messages are never coloured when NO_COLOR is set or TERM is dumb.",
    )],
    files: &[],
    examples: EXAMPLES,
    diagnostics: &[],
    see_also: &["ums-filter(1)", "ums-sink(1)", "dws-sql(7)", "ums(7)", "dws-endpoints(7)"],
    caveats: "",
    bugs: "",
};

const EXAMPLES: &[Example] = &[];
