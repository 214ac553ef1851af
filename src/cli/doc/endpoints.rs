//! dws-endpoints(7): where streams come from and go to. A table; not hot.

use super::manual::Manual;

/// Renders the page.
pub(super) fn page() -> String {
    let mut manual = Manual::new("dws-endpoints", "7", "where streams come from and go to");
    manual.section("DESCRIPTION");
    manual.text(DESCRIPTION);
    manual.section("PASSWORDS");
    manual.text(PASSWORDS);
    manual.see_also(&["dbus-tail(1)", "ums-sink(1)", "ums(7)"]);
    manual.finish()
}

const DESCRIPTION: &str = "\
Every command reads a stream of UMS messages from an endpoint (--from, standard input) and writes one \
to an endpoint (--to, standard output), so that a pipe can be cut at any place and go on on another \
host. An endpoint is - , a path, or scheme:rest. Options of an endpoint stand in its query, \
?key=value&key=value. An unknown scheme or key is an error that lists the known ones; a file whose \
name has a colon in it is written file:PATH. Which endpoints there are depends on the features that \
were built in.";

const PASSWORDS: &str = "\
A password is looked for in the file of --password-file, in the environment, in the option file \
(--defaults-file, else ~/.my.cnf), in this order. In a URL it is taken, too, with a warning, because \
every user of the machine can read arguments. It never appears in a message, a marker or a checkpoint.";
