//! dws-flows(5): the file of `ums-sink --flows`. Texts, and the table of keys. Uses `flow`. Not hot.

use super::manual::Manual;
use crate::flow::flows::config::KEYS;

/// Renders the page.
pub(super) fn page() -> String {
    let mut manual = Manual::new("dws-flows", "5", "the flows of one ums-sink process");
    manual.section("DESCRIPTION");
    manual.text(DESCRIPTION);
    manual.section("KEYS");
    manual.text("Any other key is an error.");
    let terms: Vec<String> =
        KEYS.iter().map(|key| format!("{} = {}", key.name, key.form)).collect();
    manual.items(terms.iter().zip(KEYS).map(|(term, key)| (term.as_str(), key.meaning)));
    manual.section("EXAMPLES");
    manual.text(EXAMPLE);
    manual.section("POSITIONS");
    manual.text(POSITIONS);
    manual.section("FAILURES");
    manual.text(FAILURES);
    manual.section("READING AGAIN");
    manual.text(AGAIN);
    manual.section("CAVEATS");
    manual.text(CAVEATS);
    manual.see_also(&["ums-sink(1)", "ums(7)", "dws-endpoints(7)"]);
    manual.finish()
}

const DESCRIPTION: &str = "\
ums-sink --flows FILE reads one stream and lands it in many places. FILE is TOML, one [[flow]] for each \
place. A message goes to every flow that has a matching pattern, in the order of the file; markers go to \
all. Source tables that no flow takes are named when they are met, and their rows counted at the end: \
they are passed over, and the position moves past them.

ums-sink --flows FILE --check reads the file, tests every destination and changes nothing.";

const EXAMPLE: &str = "\
The orders of all shops in one table, some columns of the customers beside it, and every change of \
everything in the Parquet log:

  [[flow]]
  name = \"orders\"
  match = [\"mysql.*.shop.orders\", \"mysql.*.outlet.orders\"]
  to = \"sqlite:warehouse.db\"
  table = \"orders_{schema}\"

  [[flow]]
  name = \"customers\"
  match = \"mysql.*.*.customers\"
  to = \"sqlite:people.db\"
  columns = [\"id\", \"country\", \"joined\"]
  delete = \"hard\"

  [[flow]]
  name = \"log\"
  match = \"*\"
  to = \"parquet:/data/log\"";

const POSITIONS: &str = "\
With --checkpoint CHECKPOINT each flow writes what it has made durable to CHECKPOINT.NAME, and \
CHECKPOINT itself holds the least of them, in the order of the stream: give that one to dbus-tail. A \
flow that was ahead then gets rows again, which changes nothing in a table and repeats messages in a \
file. Databases keep their position beside their rows as always.";

const FAILURES: &str = "\
A flow that fails stops the process, and the message names it. With --keep-going it stays behind alone: \
the others go on, its CHECKPOINT.NAME and the common CHECKPOINT stay where they were, and the run ends \
with the exit status of its error. A new start delivers again from there. It does not come back before \
a new start, because what it missed is gone by. Flows of one database fail together.";

const AGAIN: &str = "\
At SIGHUP the file is read again. Everything that came before is made durable by the old flows; flows \
that are the same in the new file go on, others end, and new ones begin with the next message. When the \
new file is not good, or a new destination cannot be opened, a message says so and the old flows go on.";

const CAVEATS: &str = "\
Flows to one database take turns: before one writes, the rows of the others are committed. Where their \
tables change side by side this means many small commits; one flow with several patterns and \
table = \"{table}\" is faster. Files, standard output and the Parquet log take one flow only.

A pattern that matches no namespace, and a column of columns that no message has, are no errors: the \
table may come later.";
