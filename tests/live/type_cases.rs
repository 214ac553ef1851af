//! One table a column type, with the values that have broken readers of binlogs before: minimum,
//! maximum, NULL, empty, zero, odd. A table of data.

use crate::server::Kind;

/// How a cell is compared with what the server's client shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// As text, after the server converted it to utf8mb4.
    Text,
    /// As bytes.
    Bytes,
    /// As an unsigned number.
    Unsigned,
    /// As numbers, for clients print too few digits of a FLOAT.
    Float,
    /// As 64-bit numbers.
    Double,
    /// As arrays of 32-bit numbers.
    Vector,
}

/// A column type with its values.
pub struct Case {
    pub name: String,
    pub declared: String,
    /// The UMS type that a cell must have.
    pub ums: &'static str,
    pub compare: Compare,
    /// SQL expressions.
    pub values: Vec<String>,
}

/// Every case of a server.
pub fn cases(kind: Kind) -> Vec<Case> {
    let mut list = List(Vec::new());
    numbers(&mut list);
    dates(&mut list);
    strings(&mut list);
    labels(&mut list);
    bytes(&mut list);
    geometry(&mut list);
    match kind {
        Kind::MySql => mysql_only(&mut list),
        Kind::MariaDb => mariadb_only(&mut list),
    }
    list.0
}

struct List(Vec<Case>);

impl List {
    fn add(&mut self, declared: &str, ums: &'static str, compare: Compare, values: &[&str]) {
        let short: String =
            declared.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let name = format!("t{}_{}", self.0.len(), short.get(..30).unwrap_or(&short));
        let mut values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        values.push("NULL".into());
        self.0.push(Case { name, declared: declared.into(), ums, compare, values });
    }

    fn text(&mut self, declared: &str, ums: &'static str, values: &[&str]) {
        self.add(declared, ums, Compare::Text, values);
    }
}

fn numbers(list: &mut List) {
    let signed: &[(&str, &str, &[&str])] = &[
        ("TINYINT", "int", &["-128", "127", "0", "-1", "1"]),
        ("TINYINT(1)", "int", &["-128", "127", "0", "1", "TRUE"]),
        ("SMALLINT", "int", &["-32768", "32767", "0", "-1", "256"]),
        ("MEDIUMINT", "int", &["-8388608", "8388607", "0", "-1", "-65536", "65536"]),
        ("INT", "int", &["-2147483648", "2147483647", "0", "-1", "16777216"]),
        (
            "BIGINT",
            "long",
            &["-9223372036854775808", "9223372036854775807", "0", "-1", "9007199254740993"],
        ),
        ("TINYINT UNSIGNED", "int", &["0", "255", "128"]),
        ("SMALLINT UNSIGNED", "int", &["0", "65535", "32768"]),
        ("MEDIUMINT UNSIGNED", "int", &["0", "16777215", "8388608"]),
        ("INT UNSIGNED", "long", &["0", "4294967295", "2147483648"]),
        (
            "BIGINT UNSIGNED",
            "decimal",
            &["0", "18446744073709551615", "9223372036854775808", "9007199254740993"],
        ),
    ];
    for (declared, ums, values) in signed {
        list.text(declared, ums, values);
    }
    for bits in [1, 2, 7, 8, 9, 16, 31, 33, 63] {
        let full = format!("{}", (1u64 << bits) - 1);
        let top = format!("{}", 1u64 << (bits - 1));
        list.add(&format!("BIT({bits})"), "long", Compare::Unsigned, &["0", "1", &top, &full]);
    }
    let full = "18446744073709551615";
    list.add("BIT(64)", "decimal", Compare::Unsigned, &["0", "1", "9223372036854775808", full]);
    list.add("BIT", "long", Compare::Unsigned, &["0", "1"]);

    let nines = "9".repeat(65);
    let minus_nines = format!("-{nines}");
    list.text("DECIMAL(65,0)", "decimal", &["0", "1", "-1", &nines, &minus_nines]);
    let wide = format!("{}.{}", "9".repeat(35), "9".repeat(30));
    let minus_wide = format!("-{wide}");
    let tiny = format!("0.{}1", "0".repeat(29));
    let minus_tiny = format!("-{tiny}");
    let values =
        ["0", &wide, &minus_wide, &tiny, &minus_tiny, "1000000000", "-999999999.000000001"];
    list.text("DECIMAL(65,30)", "decimal", &values);
    list.text("DECIMAL(30,30)", "decimal", &["0", &tiny, &minus_tiny, "0.5", "-0.123456789012"]);
    for declared in ["DECIMAL(18,9)", "DECIMAL(19,9)", "DECIMAL(20,10)", "DECIMAL(27,18)"] {
        let values = ["0", "1", "-1", "0.000000001", "-123456789.987654321", "99999999.99", "-0.5"];
        list.text(declared, "decimal", &values);
    }
    list.text("DECIMAL(1,0)", "decimal", &["0", "9", "-9"]);
    list.text("DECIMAL(1,1)", "decimal", &["0", "0.9", "-0.9"]);
    list.text("DECIMAL(5,2)", "decimal", &["0", "0.01", "-0.01", "999.99", "-999.99", "-0.00"]);
    list.text("DECIMAL(12,2) UNSIGNED", "decimal", &["0", "0.01", "9999999999.99"]);
    list.text("DECIMAL(10,3)", "decimal", &["1234567.001", "-1234567.001", "100", "-0.001"]);

    let floats = ["0", "-0e0", "1.5", "0.1", "-0.1", "3.40282e38", "-3.40282e38", "1.17549435e-38"];
    let more = ["1.4e-45", "16777217", "123456.789", "1e10", "1e-10", "8388607.5", "-1e20"];
    list.add("FLOAT", "float", Compare::Float, &[&floats[..], &more[..]].concat());
    list.add("FLOAT(10)", "float", Compare::Float, &["0.1", "-2.5"]);
    list.add("FLOAT(7,3)", "float", Compare::Float, &["0.1", "-2.5555", "9999.999"]);
    let more =
        ["1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "2.2250738585072014e-308"];
    let doubles = ["0", "-0e0", "0.1", "1e15", "1e16", "1e17", "1e21", "9007199254740993", "1e-7"];
    list.add("DOUBLE", "double", Compare::Double, &[&doubles[..], &more[..]].concat());
    list.add("FLOAT(40)", "double", Compare::Double, &["0.1", "123456789.123456789"]);
    list.add("DOUBLE(10,4)", "double", Compare::Double, &["0.1", "-999999.9999"]);
}

fn dates(list: &mut List) {
    // SELECT shows the year 0 as 0000; a number has no leading zeros.
    list.add("YEAR", "int", Compare::Unsigned, &["0", "1901", "2155", "2026", "1970"]);
    let odd = ["'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'0001-01-01'", "'2023-02-31'"];
    let more = ["'2023-00-00'", "'2023-05-00'", "'1969-12-31'", "'2024-02-29'"];
    list.text("DATE", "date", &[&odd[..], &more[..]].concat());
    for digits in 0..=6 {
        let values = [
            "'0000-00-00 00:00:00'",
            "'1000-01-01 00:00:00.000001'",
            "'9999-12-31 23:59:59.999999'",
            "'1969-12-31 23:59:59.500000'",
            "'2026-03-29 02:30:00.123456'",
            "'2023-02-31 12:00:00.100000'",
            "'2024-02-29 00:00:00.010101'",
        ];
        list.text(&format!("DATETIME({digits})"), "datetime", &values);
        let values = [
            "'0000-00-00 00:00:00'",
            "'1970-01-01 00:00:01'",
            "'2038-01-19 03:14:07'",
            "'2038-01-19 03:14:07.999999'",
            "'2026-03-29 02:30:00.123456'",
            "'2026-10-25 02:30:00.000001'",
            "'2026-10-25 02:30:00.900000'",
        ];
        list.text(&format!("TIMESTAMP({digits}) NULL"), "datetime", &values);
        let values = [
            "'838:59:59'",
            "'-838:59:59'",
            "'838:59:58.999999'",
            "'-838:59:58.999999'",
            "'00:00:00'",
            "'-00:00:00.100000'",
            "'-00:00:00.000001'",
            "'-00:00:01.500000'",
            "'-00:00:59.999999'",
            "'12:34:56.789012'",
            "'-12:34:56.000001'",
            "'-12:34:56.255000'",
            "'-12:34:56.256000'",
            "'-01:00:00'",
            "'100:00:00.010000'",
        ];
        list.text(&format!("TIME({digits})"), "string", &values);
    }
}

/// Quotes, escapes, controls, all lengths of UTF-8, and what JSON or JavaScript must escape.
const TEXTS: [&str; 8] = [
    "''",
    "'a'",
    "'it''s \"quoted\" \\\\ back'",
    "'tab\\tnew\\nline\\rnul\\0bell\u{7}esc\u{1b}'",
    "'äß€漢字😀'",
    "CONCAT('\u{2028}\u{2029}', CHAR(0x7f USING utf8mb4), '</script>')",
    "'  both sides'",
    "'null'",
];

fn strings(list: &mut List) {
    for declared in ["CHAR(60)", "VARCHAR(60)", "VARCHAR(300)", "TINYTEXT", "TEXT", "MEDIUMTEXT"] {
        list.text(declared, "string", &TEXTS);
    }
    list.text("CHAR(0)", "string", &["''"]);
    // 255 characters of 4 bytes: the length spills into the type byte of the table map.
    list.text("CHAR(255)", "string", &["REPEAT('😀', 255)", "REPEAT('x', 255)", "''"]);
    list.text("CHAR(64)", "string", &["REPEAT('😀', 64)", "'x'"]);
    list.text("CHAR(63)", "string", &["REPEAT('😀', 63)", "'x'"]);
    // One or two length bytes: by the bytes that fit, not by characters.
    list.text("VARCHAR(63)", "string", &["REPEAT('😀', 63)", "''"]);
    list.text("VARCHAR(64)", "string", &["REPEAT('😀', 64)", "''"]);
    list.text("VARCHAR(255) CHARACTER SET latin1", "string", &["REPEAT('é', 255)", "''"]);
    list.text("VARCHAR(256) CHARACTER SET latin1", "string", &["REPEAT('é', 256)", "''"]);
    list.text("VARCHAR(16000)", "string", &["REPEAT('xyz', 5000)", "REPEAT('漢', 16000)", "''"]);
    list.text("TINYTEXT", "string", &["REPEAT('x', 255)"]);
    list.text("TEXT", "string", &["REPEAT('x', 256)", "REPEAT('x', 65535)"]);
    list.text("LONGTEXT", "string", &["REPEAT('long ', 40000)", "REPEAT('x', 65536)", "''"]);
}

fn labels(list: &mut List) {
    list.text("ENUM('a','b','c')", "string", &["'a'", "'c'", "''", "'not one'", "2"]);
    let odd = "ENUM('','with, comma','it''s','\"q\"','äß€','back\\\\slash')";
    list.text(odd, "string", &["'with, comma'", "'it''s'", "'\"q\"'", "'äß€'", "6", "1", "''"]);
    let many: Vec<String> = (1..=300).map(|n| format!("'label {n}'")).collect();
    let many = format!("ENUM({})", many.join(","));
    list.text(&many, "string", &["1", "255", "256", "300"]);
    list.text("ENUM('é','ö') CHARACTER SET latin1", "string", &["'é'", "'ö'"]);
    list.text("ENUM('中','文') CHARACTER SET gbk", "string", &["'中'", "'文'"]);
    list.text("SET('a','b','c')", "string", &["''", "'a'", "'a,c'", "'c,b,a'", "7"]);
    list.text("SET('é','€') CHARACTER SET latin1", "string", &["'é'", "'€,é'"]);
    for count in [8, 9, 16, 17, 24, 25, 32, 33, 64] {
        let members: Vec<String> = (1..=count).map(|n| format!("'m{n}'")).collect();
        let last = format!("'m{count}'");
        let all =
            format!("'{}'", (1..=count).map(|n| format!("m{n}")).collect::<Vec<_>>().join(","));
        list.text(&format!("SET({})", members.join(",")), "string", &["''", "'m1'", &last, &all]);
    }
}

fn bytes(list: &mut List) {
    let all: String = (0..=255u8).map(|byte| format!("{byte:02x}")).collect();
    let all = format!("x'{all}'");
    let values =
        ["''", "x'00'", "x'610000'", "x'0000000000000000'", "x'ffffffffffffffff'", "x'20'"];
    list.add("BINARY(8)", "binary", Compare::Bytes, &values);
    list.add("BINARY(255)", "binary", Compare::Bytes, &["''", "REPEAT(x'ff', 255)", "x'6100'"]);
    list.add("BINARY(1)", "binary", Compare::Bytes, &["''", "x'00'", "x'ff'"]);
    list.add("VARBINARY(8)", "binary", Compare::Bytes, &values);
    list.add("VARBINARY(300)", "binary", Compare::Bytes, &["''", &all, "REPEAT(x'00', 300)"]);
    list.add("TINYBLOB", "binary", Compare::Bytes, &["''", "x'00'", "REPEAT(x'fe', 255)"]);
    list.add("BLOB", "binary", Compare::Bytes, &["''", &all, "REPEAT(x'fd', 65535)"]);
    list.add("MEDIUMBLOB", "binary", Compare::Bytes, &["''", &all, "REPEAT(x'fc', 65536)"]);
    list.add("LONGBLOB", "binary", Compare::Bytes, &["''", &all, "REPEAT(x'fb', 200000)"]);
    list.add("CHAR(8) CHARACTER SET binary", "binary", Compare::Bytes, &["'ab'", "''"]);
    list.add("TEXT CHARACTER SET binary", "binary", Compare::Bytes, &["'ab'", "''"]);
}

fn geometry(list: &mut List) {
    let values = [
        "ST_GeomFromText('POINT(1.5 -2.5)')",
        "ST_GeomFromText('LINESTRING(0 0,1 1,2 2)')",
        "ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))')",
        "ST_GeomFromText('MULTIPOINT(0 0,20 20,60 60)')",
        "ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))')",
        "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')",
        "ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')",
        "ST_GeomFromText('POINT(10 20)', 4326)",
    ];
    list.add("GEOMETRY", "binary", Compare::Bytes, &values);
    list.add("POINT", "binary", Compare::Bytes, &["ST_GeomFromText('POINT(1e-300 1e300)')"]);
}

fn mysql_only(list: &mut List) {
    let deep = format!("'{}1{}'", "[".repeat(90), "]".repeat(90));
    let many = "(SELECT JSON_ARRAYAGG(n) FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL \
                SELECT n + 1 FROM c WHERE n < 900) SELECT n * 70000 AS n FROM c) numbers)";
    let values = [
        "'null'",
        "'true'",
        "'false'",
        "'0'",
        "'-1'",
        "'32767'",
        "'-32769'",
        "'65536'",
        "'2147483648'",
        "'-9223372036854775808'",
        "'9223372036854775808'",
        "'18446744073709551615'",
        "'9007199254740993'",
        "'1.0'",
        "'-0.0'",
        "'1.5e-7'",
        "'1e100'",
        "'0.1'",
        "'123456789.125'",
        "'1e15'",
        "'1e16'",
        "'1e17'",
        "'1e21'",
        "'\"\"'",
        "'\"text äß€漢😀\"'",
        "'\"esc \\\\\\\" \\\\\\\\ \\\\/ \\\\b\\\\f\\\\n\\\\r\\\\t \\\\u0001 \\\\u001f \\\\u007f\"'",
        "'[]'",
        "'{}'",
        "'[1, -1, 1.5, \"s\", true, false, null, [], {}, [[1]], {\"k\": {\"k\": 2}}]'",
        "'{\"long key\": 1, \"b\": 2, \"a\": 3, \"\": 4, \"aa\": 5, \"a\": 6, \"ü\": 7}'",
        "JSON_OBJECT('d', CAST('2026-01-01' AS DATE), 't', CAST('-12:34:56.5' AS TIME(3)))",
        "JSON_OBJECT('dt', CAST('2026-01-01 01:02:03.004' AS DATETIME(6)))",
        "JSON_ARRAY(CAST('1.10' AS DECIMAL(10,2)), CAST('-0.5' AS DECIMAL(3,1)), 0.001)",
        "JSON_ARRAY(CAST('99999999999999999999.5' AS DECIMAL(65,30)), CAST(0 AS DECIMAL(5,0)))",
        "JSON_OBJECT('b', CAST('abc' AS BINARY), 'c', x'00ff10')",
        "JSON_ARRAY(CAST('2026' AS YEAR), b'101', REPEAT('x', 127), REPEAT('y', 128))",
        "JSON_ARRAY(CAST('2026-01-01 01:02:03' AS DATETIME), CAST('838:59:59' AS TIME))",
        "JSON_OBJECT('big', REPEAT('z', 70000), 'n', 1, 'neg', -70000, 'd', 0.5)",
        "JSON_ARRAY(JSON_OBJECT('o', CAST(REPEAT('b', 20000) AS BINARY)))",
        "JSON_ARRAY(UNIX_TIMESTAMP('2026-01-01 00:00:00.5'), ST_GeomFromText('POINT(1 2)'))",
        &deep,
        many,
    ];
    list.text("JSON", "string", &values);
    let values =
        ["'[1,2,3]'", "'[0.1,-0.5,1e-10]'", "'[3.4e38,-3.4e38,0]'", "'[1e10,16777217,-0]'"];
    let values = values.map(|value| format!("STRING_TO_VECTOR({value})"));
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    list.add("VECTOR(3)", "string", Compare::Vector, &values);
    list.add("VECTOR(2048)", "string", Compare::Vector, &values);
    let srid = ["ST_GeomFromText('POINT(10 20)', 4326)", "ST_GeomFromText('POINT(0 0)', 4326)"];
    list.add("POINT SRID 4326", "binary", Compare::Bytes, &srid);
}

fn mariadb_only(list: &mut List) {
    list.text("JSON", "string", &["'{\"b\":1,  \"a\" : [1,2 ]}'", "'null'", "'\"x\"'", "'[]'"]);
    let uuids = [
        "'00000000-0000-0000-0000-000000000000'",
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        "'123e4567-e89b-12d3-a456-426655440000'",
        "'123e4567-e89b-12d3-a456-426655440100'",
        "'01234567-89ab-7cde-8f01-23456789ab00'",
        "'6ccd780c-baba-1026-9564-5b8c65604300'",
    ];
    list.text("UUID", "string", &uuids);
    // Every version and variant, and bytes that are 0 at the end, which the log leaves out.
    let versions: Vec<String> = (0..=15)
        .map(|n| format!("'0{n:x}234567-89ab-{n:x}cde-{n:x}f01-23456789ab{:02x}'", n * 17 % 255))
        .chain((0..=16).map(|zeros| {
            let digits = format!(
                "{}{}",
                &"fedcba9876543210a1b2c3d4e5f60718"[2 * zeros..],
                "00".repeat(zeros)
            );
            let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
            format!("'{a}-{b}-{c}-{d}-{e}'")
        }))
        .collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    list.text("UUID", "string", &versions);
    let sixes = ["'::'", "'::1'", "'2001:db8::ff00:42:8329'", "'::ffff:192.0.2.128'", "'fe80::'"];
    let more = ["'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'", "'2001:db8:0:1:0:0:0:1'", "'1::'"];
    list.text("INET6", "string", &[&sixes[..], &more[..]].concat());
    // Which groups are zero decides what is folded: every pattern, twice, with small groups and
    // with such that have four digits.
    for group in ["1", "ffff", "a0"] {
        let patterns: Vec<String> = (0..256u32)
            .map(|zeros| {
                let groups: Vec<&str> =
                    (0..8).map(|n| if zeros >> n & 1 == 1 { "0" } else { group }).collect();
                format!("'{}'", groups.join(":"))
            })
            .collect();
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        list.text("INET6", "string", &patterns);
    }
    // Addresses of the fourth version inside, and what only looks like them.
    let inside = [
        "'::192.0.2.1'",
        "'::0.0.0.1'",
        "'::0.1.0.0'",
        "'::0.0.1.0'",
        "'::1.0.0.0'",
        "'::255.255.255.255'",
        "'::ffff:0.0.0.0'",
        "'::ffff:0.0.0.1'",
        "'::ffff:0.1.0.0'",
        "'::ffff:255.255.255.255'",
        "'::fffe:1.2.3.4'",
        "'::1:ffff:1.2.3.4'",
        "'::ffff:0:1.2.3.4'",
        "'1::ffff:1.2.3.4'",
        "'64:ff9b::192.0.2.33'",
        "'::1:1.2.3.4'",
        "'::100:0:0'",
    ];
    list.text("INET6", "string", &inside);
    let fours = [
        "'0.0.0.0'",
        "'255.255.255.255'",
        "'127.0.0.1'",
        "'10.0.0.0'",
        "'0.0.0.1'",
        "'1.0.0.0'",
        "'0.255.0.255'",
        "'192.168.100.0'",
    ];
    list.text("INET4", "string", &fours);
    for declared in ["VARCHAR(300)", "TEXT", "MEDIUMTEXT", "LONGTEXT", "TINYTEXT"] {
        let long = "REPEAT('compress me ', 20)";
        let values = ["''", "'short'", "'äß€😀'", long];
        list.text(&format!("{declared} COMPRESSED"), "string", &values);
    }
    for declared in ["VARBINARY(300)", "BLOB", "LONGBLOB"] {
        let values = ["''", "x'00'", "REPEAT(x'00ff', 120)", "x'10'"];
        list.add(&format!("{declared} COMPRESSED"), "binary", Compare::Bytes, &values);
    }
    list.text("TEXT COMPRESSED CHARACTER SET latin1", "string", &["REPEAT('é', 200)", "'é'"]);
}
