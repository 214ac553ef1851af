//! Where operators do otherwise than those of the same name in the older system: a row for each.

use dws::rule::{Engine, Made, Rules, op};

/// Operator, its rule, the cells before it (split by bars), and those behind it; `-` where the group does
/// not match, `~` for NULL. In a record that begins with a brace there is one cell.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    (
        "keyFilter",
        "{ op = \"keyFilter\", key = \"no\", matches = \"^$\" }",
        r#"{"a":1}"#,
        r#"{"a":1}"#,
    ),
    ("keyFilter", "{ op = \"keyFilter\", key = \"no\", matches = \"x\" }", r#"{"a":1}"#, "-"),
    (
        "toIndex",
        "{ op = \"toIndex\", keys = [\"b\", \"no\", \"a\"] }",
        r#"{"a":1,"b":null}"#,
        "~|~|1",
    ),
    ("filter", "{ op = \"filter\", cells = \"0,1\", contains = \"a\" }", "a|b", "-"),
    (
        "filter",
        "{ op = \"filter\", cells = \"0,1\", contains = \"a\", where = \"any\" }",
        "a|b",
        "a|b",
    ),
    ("filter", "{ op = \"filter\", cells = \"0,1\", contains = \"b\" }", "a|b", "-"),
    ("replace", "{ op = \"replace\", cells = 0, regex = '(a)', with = '${1}x' }", "ab", "axb"),
    ("replace", "{ op = \"replace\", cells = 0, regex = '(a)', with = '$1x' }", "ab", "b"),
    ("split", "{ op = \"split\", cells = 0, text = \",\" }", "|b", "|b"),
    ("split", "{ op = \"split\", cells = 0, regex = \",\" }", "a,,|b", "a|||b"),
    ("split", "{ op = \"split\", cells = \"0,1\", text = \" \" }", "a b|c d|e", "a|b|c|d|e"),
    ("subString", "{ op = \"subString\", cells = 0, start = \"#\" }", "abc|b", "~|b"),
    (
        "subString",
        "{ op = \"subString\", cells = 0, start = 1, end = 2 }",
        "a\u{1f600}c",
        "\u{1f600}",
    ),
    ("concat", "{ op = \"concat\", cells = \"0,2\", with = \"-\" }", "a|b|c|a", "a-c|b|a"),
    ("concat", "{ op = \"concat\", cells = \"3,1\", with = \"-\" }", "a|b|c|d", "a|d-b|c"),
    ("concat", "{ op = \"concat\", cells = \"0,9\", with = \"-\" }", "a|b", "a|b"),
    (
        "prefixOrAppend",
        "{ op = \"prefixOrAppend\", cells = 0, before = \"<\", after = \">\" }",
        "a",
        "<a>",
    ),
    ("regexExtract", "{ op = \"regexExtract\", cells = 0, regex = '(x)' }", "a|b", "-"),
    (
        "regexExtract",
        "{ op = \"regexExtract\", cells = 0, regex = '(x)', optional = true }",
        "a|b",
        "~|b",
    ),
    ("jsonPath", "{ op = \"jsonPath\", cell = 0, path = \"$.b\" }", r#"{"a":1}"#, r#"{"a":1}|~"#),
    (
        "excludeField",
        "{ op = \"excludeField\", keys = [\"a\"] }",
        r#"{"a":1,"host":2}"#,
        r#"{"host":2}"#,
    ),
    (
        "flattenJsonArray",
        "{ op = \"flattenJsonArray\", cell = 0, path = \"a.b\" }",
        r#"{"a":{"b":[1,2]}}"#,
        r#"{"a":{"b":1}};{"a":{"b":2}}"#,
    ),
    // Of scopes: a range whose ends meet is empty, an index before the first cell is left out.
    ("select", "{ op = \"select\", cells = \"0,1:-3\" }", "a|b|c|d", "a"),
    ("select", "{ op = \"select\", cells = \"0,-9\" }", "a|b", "a"),
];

/// What an operator makes of a record, in the notation above.
fn apply(operator: &str, record: &str) -> String {
    let split = match record.starts_with('{') {
        true => "",
        false => "{ op = \"split\", cells = 0, text = \"|\" },",
    };
    let columns = (0..5).map(|cell| {
        format!("{{ name = \"c{cell}\", type = \"string\", cell = {cell}, default = \"\\u0001\" }}")
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    // A cell that is not there and NULL are told apart by how many there are.
    let text = format!(
        "source = \"s\"\nformat = \"{}\"\n[[table]]\nname = \"t\"\n[[table.group]]\nname = \"g\"\noperators = [\n{split}\n{operator},\n{{ op = \"saveAs\", columns = [{columns}] }}\n]\n",
        if split.is_empty() { "json" } else { "text" }
    );
    let (mut engine, mut made, mut cells) =
        (Engine::new(Rules::parse(&text, "r").unwrap()), Made::default(), Count(0));
    engine.take(record.as_bytes(), &mut made, &mut cells).unwrap();
    let mut rows = Vec::new();
    for row in &made.rows {
        if row.to == dws::rule::engine::To::Unknown {
            return "-".into();
        }
        let values = dws::rule::cases::values(made.at(row.cells)).into_iter().take(cells.0);
        let values = values.map(|value| value.unwrap().replace('\u{1}', "~"));
        rows.push(values.collect::<Vec<_>>().join("|"));
    }
    rows.join(";")
}

/// How many cells the last operator has left.
struct Count(usize);

impl dws::rule::Watch for Count {
    fn rows(
        &mut self,
        _: usize,
        _: &str,
        rows: &[dws::rule::Row],
        _: &dws::rule::Work,
        _: &dws::rule::cells::Names,
    ) {
        self.0 = rows.first().map_or(0, Vec::len);
    }
}

#[test]
fn every_difference_is_as_it_is_said() {
    for (name, operator, record, wanted) in DIFFERENCES {
        assert_eq!(apply(operator, record), *wanted, "{name}: {operator} on {record}");
    }
    for spec in op::ALL.iter().filter(|spec| !spec.difference.is_empty()) {
        assert!(
            DIFFERENCES.iter().any(|(name, ..)| *name == spec.name),
            "{} has no test",
            spec.name
        );
    }
}
