//! The page dws-mask.7: masks, their rules and, from the table, their methods. Uses `mask`. Not hot.

use super::manual::Manual;
use crate::mask::method::{ALL, Becomes, Spec};

pub(super) fn page() -> String {
    let mut page = Manual::new("dws-mask", "7", "masks of columns");
    page.section("DESCRIPTION");
    page.text(DESCRIPTION);
    page.section("METHODS");
    page.text(METHODS);
    let meanings: Vec<_> = ALL.iter().map(|spec| (spec.form, meaning(spec))).collect();
    page.items(meanings.iter().map(|(form, meaning)| (*form, meaning.as_str())));
    page.section("EXAMPLES OF CELLS");
    page.text("Keyed methods with the key 0123456789abcdef0123456789abcdef.");
    let mut rows = vec![["Method", "Type", "Before", "After"].map(str::to_owned).to_vec()];
    for (method, ty, before, after) in ALL.iter().flat_map(|spec| spec.examples) {
        let cells = [*method, ty.name(), *before, *after];
        rows.push(cells.map(ascii).to_vec());
    }
    let rows: Vec<Vec<&str>> =
        rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
    page.table(&rows);
    page.section("NULL, TYPES, KEYS");
    page.text(RULES);
    page.section("WHAT STOPS A RUN");
    page.text(STOPS);
    page.items(STOPPING.iter().copied());
    page.text(PARTIAL);
    page.section("WHERE CLEAR VALUES STAY");
    page.text(CLEAR);
    page.items(PLACES.iter().copied());
    page.section("OLDER SYSTEMS");
    page.text(OLDER);
    page.section("SEE ALSO");
    page.text("dbus-tail(1), dbus-pull(1), ums-filter(1), logrules(1), logrules(5), ums(7)");
    page.finish()
}

/// Pages are ASCII.
fn ascii(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".into();
    }
    text.chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() })
        .collect()
}

fn meaning(spec: &Spec) -> String {
    let names = |types: &[crate::ums::Type]| {
        let names: Vec<_> = types.iter().map(|ty| ty.name()).collect();
        names.join(", ")
    };
    let all = crate::ums::Type::ALL.len();
    let takes = match spec.takes.len() == all {
        true => "every type".to_owned(),
        false => names(spec.takes),
    };
    let becomes = match spec.becomes {
        Becomes::Same => "The type stays.",
        Becomes::SameOrText => "The type stays; binary becomes string.",
        Becomes::Text => "The field becomes string.",
        Becomes::Nullable => "The type stays, and the field is nullable.",
    };
    let keys = match (spec.distinct.len(), spec.distinct.len() == spec.takes.len()) {
        (0, _) => "Not for keys.".to_owned(),
        (_, true) => "Good for keys.".to_owned(),
        _ => format!("For keys: {}.", names(spec.distinct)),
    };
    format!("{} Takes {takes}. {becomes} {keys}", spec.meaning)
}

const DESCRIPTION: &str = "\
A mask replaces the cells of a column before they leave the process, so that the clear text is in no \
message:

  --mask 'PATTERN.COLUMN=METHOD'
  --mask 'PATTERN.COLUMN=METHOD:PARAMETER'

PATTERN is one of namespaces, type.source.schema.table.version.dbshard.tableshard: * stands for a part or \
inside one, and parts that are left out mean *; a pattern of fewer than four parts ends with *. COLUMN may hold * too; a dot in it is written %2E. Upper \
and lower case are the same in both. '*.email=hmac' is the column email of every table.

The first mask that names a column counts: masks of options in their order, then those of --mask-file, then \
those of a file of rules. So an exception stands in front:

  --mask 'mysql.db1.shop.users.id=clear' --mask 'mysql.db1.shop.users.*=default'

masks every column of the table but id, also those that are added to it later.

dbus-tail, dbus-pull, ums-filter and logrules have masks. The same value with the same mask is the same cell, \
byte for byte, from each of them, in every row: inserts, updates, deletes, images before updates, and rows \
of pulls. In ums-filter rows are masked before anything else looks at them: --where and all other options see \
masked values. To choose rows by clear values put an ums-filter without masks in front.

System columns cannot be masked. A field that says encoded already, because somebody masked it before, is \
left as it is.";

const METHODS: &str = "\
A method looks at the cell's text as a message has it (binary: its Base64) and at nothing else, unless its \
parameter names another column. Characters are code points.";

const RULES: &str = "\
NULL stays NULL with every method, so presence can be seen; only null hides it. An empty text is a value like \
others, but for regex.

A masked field has encoded: true and no origin, because a declared type may hold values, as those of ENUM do. \
Where a method makes text of a number the field's type is string. A mask that is added or changed does not raise \
the version of a namespace: give masked rows a target table of their own, or start it anew.

Sinks upsert by the masked key, and rows join by masked columns, where the method keeps different values \
different. On key columns other methods are refused, unless --mask-lossy-keys is given: rows with equal keys \
replace each other where they land. An update that moves a row to another key is a D and an I, as without masks. \
An update that changes masked columns only is written all the same.

The id and the uid of a row are places in the log and hold no values. The uid of a pulled row is a hash of its \
key, made of the masked key where that is masked.

Who sees many masked rows may still guess: by how often a value occurs, by lengths, and, with md5 and murmur3 \
without a secret salt, by trying. hmac and digits resist trying as long as the key is secret; digits can be \
undone by whoever has it.";

const STOPS: &str = "\
Nothing passes because a name was wrong. A run stops, with nothing of the row written, for these.";

const STOPPING: &[(&str, &str)] = &[
    (
        "no such column",
        "A mask names no column of a table that its pattern matches. Where tables may be without it, write \
         COLUMN?. A column that is renamed or dropped while a run goes on stops the run at the first row behind \
         that; masks for both names, each with ?, go on from there.",
    ),
    ("a type that a method does not take", "Of the column that a mask names."),
    ("no column for the salt", "In the table, or in a single row image."),
    ("a cell that is none of its type", "Where the method has to look into it."),
    (
        "a mask that matches nothing",
        "For dbus-pull and logrules, and for dbus-tail at a server, before the first row; for files and streams, \
         which end, at their end, with exit status 2. COLUMN? turns that off, too.",
    ),
    (
        "a table that a mask nearly matches",
        "One part of the pattern differs from the table's by a letter or two, the column that the mask names is \
         there, and no other mask speaks of the table. Correct the pattern; where both names are right, give the \
         column the method clear.",
    ),
    (
        "a marker or a notice with other columns",
        "In ums-filter: whoever wrote it puts values where nothing masks them.",
    ),
    ("a column that no mask speaks of", "With --mask-strict."),
];

const PARTIAL: &str = "\
A row image without a masked column (binlog_row_image=MINIMAL) passes. ums-filter has to have met a row with the \
column before it, because a message does not tell what a table has besides; dbus-tail knows the table.";

const CLEAR: &str = "\
Messages to people, terminations and markers hold no values of masked columns. The end of a pull names the \
shards of a masked table without the values that divide them. ums-filter refuses --on-bad-line FILE beside \
masks, because such lines are kept as they came. logrules wants to be told what becomes of _unknown_.raw, where \
records are as they came; its masks hold for all hosts. Clear values are still in these places.";

const PLACES: &[(&str, &str)] = &[
    ("the source", "And in the spill files of dbus-tail, which have no name."),
    (
        "dbus-pull --plan and --state",
        "Values of the columns that divide a table stand in what is printed and in the file.",
    ),
    (
        "arguments",
        "Conditions, and salts: other users of the machine can see them. Masks with salts belong \
                   into --mask-file.",
    ),
    ("logrules --trace and --test", "They show records and cells as rules see them."),
    (
        "the namespace and _ums_ts_ of a log's rows",
        "The host and the time of a record are not masked.",
    ),
];

const OLDER: &str = "\
default, replace, md5, murmur3 and regex give the values of the plug-ins that DBus has, and take their \
parameters as they stand there. What differs: long is a JSON string, as in all messages, where it was a number \
for md5 and murmur3; binary becomes string with them; doubles are written as elsewhere in messages; regex makes \
the field a string instead of putting text into a number; regular expressions have neither look-around nor \
back-references; a replacement for a datetime must look like one; results are never cut to the length of the \
source's column, and targets are wide enough; and a column that is not there is an error.";
