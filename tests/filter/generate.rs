//! Expressions and rows from a seed. An expression is made in two spellings, ours and DuckDB's,
//! which differ only where `dws-sql.7` says so.

/// A small generator (xorshift64*); the same numbers for the same seed everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize) % limit
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// Columns: name, UMS type, values. The first is the row's number.
pub const COLUMNS: &[(&str, &str, &[&str])] = &[
    (
        "a",
        "long",
        &["0", "1", "-1", "7", "100", "9223372036854775807", "-9223372036854775808", "4294967296"],
    ),
    ("n", "int", &["0", "1", "2", "-3", "10", "99"]),
    (
        "d",
        "decimal",
        &["0.0000", "1.5000", "-1.5000", "2.5000", "-0.0001", "99999999999999.9999", "12.3456"],
    ),
    ("f", "double", &["0", "0.5", "-0.25", "1e300", "-1e-300", "3", "12.3456"]),
    (
        "s",
        "string",
        &[
            "",
            "a",
            "A",
            "ab",
            "Abc",
            " x ",
            "zażółć",
            "ÀÉ",
            "🦀",
            "50%",
            "a_b",
            "x'y",
            "line\nbreak",
            "日本語",
        ],
    ),
    ("t", "string", &["a", "b", "ab", "é", "🦀", "Zoë"]),
    ("b", "boolean", &["true", "false"]),
    ("day", "date", &["1000-01-01", "1969-12-31", "2024-02-29", "2026-11-21", "9999-12-31"]),
    (
        "moment",
        "datetime",
        &[
            "1970-01-01 00:00:00.000000",
            "2024-02-29 23:59:59.999999",
            "2026-11-21 00:00:00.000000",
            "2026-11-21 01:02:03.500000",
        ],
    ),
    (
        "j",
        "string",
        &[
            r#"{"a":1,"b":[1,2.5,"x"],"c":{"d":"é\"\n"}}"#,
            r#"{"a":null,"b":[]}"#,
            r#"[7,{"a":"🦀"}]"#,
            r#""text""#,
            r#"{"a":"12","c":{"d":false}}"#,
        ],
    ),
];

/// The same expression for us and for DuckDB.
#[derive(Clone)]
pub struct Both(pub String, pub String);

impl Both {
    fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self(text.clone(), text)
    }

    /// `%` in the frame stands for the parts, one after the other.
    fn frame(frame: &str, parts: &[Self]) -> Self {
        let fill = |which: fn(&Self) -> &str| {
            let mut pieces = frame.split('@');
            let mut text = pieces.next().unwrap().to_owned();
            for (piece, part) in pieces.zip(parts) {
                text += which(part);
                text += piece;
            }
            text
        };
        Self(fill(|both| &both.0), fill(|both| &both.1))
    }
}

pub fn boolean(random: &mut Random, depth: usize) -> Both {
    let two = |random: &mut Random, kind: fn(&mut Random, usize) -> Both| {
        [kind(random, depth.saturating_sub(1)), kind(random, depth.saturating_sub(1))]
    };
    let compare = [
        "@ = @",
        "@ <> @",
        "@ < @",
        "@ <= @",
        "@ > @",
        "@ >= @",
        "@ IS DISTINCT FROM @",
        "@ IS NOT DISTINCT FROM @",
    ];
    if depth > 0 {
        let parts = two(random, boolean);
        match random.below(10) {
            0 | 1 => return Both::frame("(@ AND @)", &parts),
            2 | 3 => return Both::frame("(@ OR @)", &parts),
            4 => return Both::frame("(NOT @)", &parts),
            5 => {
                let test = random.pick(&["NULL", "TRUE", "NOT TRUE", "FALSE", "NOT FALSE"]);
                return Both::frame(&format!("(@ IS {test})"), &parts);
            }
            6 => {
                let third = boolean(random, depth - 1);
                let [a, b] = parts;
                return Both::frame("(CASE WHEN @ THEN @ ELSE @ END)", &[a, b, third]);
            }
            _ => {}
        }
    }
    match random.below(15) {
        12 => Both::frame("(@ LIKE (@ || '%'))", &two(random, text)),
        13 => {
            let part = text(random, depth);
            Both(
                format!("({} ~ concat('^', t))", part.0),
                format!("regexp_matches({}, concat('^', t))", part.1),
            )
        }
        14 => Both::frame(&format!("({})", random.pick(&compare)), &two(random, json)),
        0..=2 => Both::frame(&format!("({})", random.pick(&compare)), &two(random, number)),
        3 | 4 => Both::frame(&format!("({})", random.pick(&compare)), &two(random, text)),
        5 => Both::frame(&format!("({})", random.pick(&compare)), &two(random, moment)),
        6 => {
            let [a, b] = two(random, number);
            let not = random.pick(&["", "NOT "]);
            Both::frame(&format!("(@ {not}BETWEEN @ AND @)"), &[a.clone(), b, a])
        }
        7 => {
            let [a, b] = two(random, text);
            let rest = random.pick(&["'a', 'é'", "NULL, 'ab'", "'🦀'"]);
            let not = random.pick(&["", "NOT "]);
            Both::frame(&format!("(@ {not}IN (@, {rest}))"), &[a, b])
        }
        8 => {
            let pattern = random.pick(&[
                "'a%'",
                "'%b%'",
                "'_'",
                "'%_%_'",
                "'%ż%'",
                "''",
                "'50!%' ESCAPE '!'",
                "'A_c'",
            ]);
            let like = random.pick(&["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"]);
            Both::frame(&format!("(@ {like} {pattern})"), &[text(random, depth)])
        }
        9 => {
            let part = text(random, depth);
            let pattern = random.pick(&["'^a'", "'[b-y]'", "'a|🦀'", "'^.$'", "'ó'", "'^$'"]);
            Both(
                format!("({} ~ {pattern})", part.0),
                format!("regexp_matches({}, {pattern})", part.1),
            )
        }
        10 => {
            let name = random.pick(&["starts_with", "ends_with", "contains"]);
            Both::frame(&format!("{name}(@, @)"), &two(random, text))
        }
        _ => {
            let column = random.pick(&[
                "b",
                "(a IS NULL)",
                "(s IS NOT NULL)",
                "(day IS NULL)",
                "(f IS NULL)",
            ]);
            Both::same(column)
        }
    }
}

fn number(random: &mut Random, depth: usize) -> Both {
    let leaf =
        ["a", "n", "d", "f", "0", "1", "-1", "2.5", "0.0001", "n", "d", "NULL::integer", "12.3456"];
    if depth == 0 {
        return Both::same(random.pick(&leaf));
    }
    let whole = |random: &mut Random| Both::same(random.pick(&["n", "3", "-2", "n + 1", "n * n"]));
    match random.below(20) {
        14 => Both::frame(
            &format!("{}(@, @, d)", random.pick(&["greatest", "least"])),
            &[whole(random), whole(random)],
        ),
        15 => Both::frame(
            random.pick(&[
                "(a & @)",
                "(a | @)",
                "(@ & 6)",
                "(@ | 1)",
                "(abs(n) << 3) + @",
                "(a >> 2) + @",
            ]),
            &[whole(random)],
        ),
        16 => Both("(a ^ n)".into(), "xor(a, n)".into()),
        17 => Both::same(random.pick(&[
            "date_diff('year', day, moment)",
            "date_diff('quarter', day, moment)",
            "date_diff('month', moment, day)",
            "date_diff('week', day, moment)",
            "date_diff('day', day, moment)",
            "date_diff('hour', moment, day)",
            "date_diff('minute', day, moment)",
            "(day - DATE '2024-02-29')",
            "quarter(day)",
            "dayofyear(day)",
            "isodow(moment)",
            "week(day)",
            "EXTRACT(DOY FROM moment)",
            "mod(n, 7)",
            "power(n, 2)",
            "sqrt(abs(n))",
            "json_array_length('[1, 2]')",
        ])),
        18 => Both("truncate(d)".into(), "trunc(d)".into()),
        19 => Both("if(b, n, 3)".into(), "(CASE WHEN b THEN n ELSE 3 END)".into()),
        0 => Both::frame("(@ + @)", &[Both::same("d"), whole(random)]),
        1 => Both::frame("(@ - @)", &[whole(random), Both::same("d")]),
        2 => Both::frame("(@ * @)", &[whole(random), whole(random)]),
        3 => Both::frame("(a + @)", &[whole(random)]),
        4 => Both::frame("(@ % @)", &[whole(random), whole(random)]),
        5 => Both::same(random.pick(&[
            "abs(d)",
            "abs(n)",
            "floor(d)",
            "ceil(d)",
            "round(d)",
            "round(d, 2)",
            "sign(d)",
            "abs(f)",
        ])),
        6 => Both::frame("length(@)", &[text(random, depth - 1)]),
        7 => Both::frame("strpos(@, @)", &[text(random, depth - 1), text(random, depth - 1)]),
        8 => Both::same(random.pick(&[
            "year(day)",
            "month(moment)",
            "day(day)",
            "hour(moment)",
            "minute(moment)",
            "second(moment)",
            "EXTRACT(YEAR FROM moment)",
        ])),
        9 => Both::frame("COALESCE(@, n, 0)", &[whole(random)]),
        10 => Both::frame("NULLIF(@, @)", &[whole(random), whole(random)]),
        11 => Both::frame("(CASE WHEN @ THEN n ELSE 5 END)", &[boolean(random, depth - 1)]),
        12 => Both::same(random.pick(&[
            "CAST(d AS DECIMAL(20,1))",
            "CAST(b AS INTEGER)",
            "CAST(d AS BIGINT)",
            "TRY_CAST(s AS INTEGER)",
            "octet_length(encode(s))",
        ]))
        .map_ours("octet_length(encode(s))", "octet_length(s)"),
        _ => Both::same(random.pick(&leaf)),
    }
}

impl Both {
    fn map_ours(self, from: &str, to: &str) -> Self {
        Self(self.0.replace(from, to), self.1)
    }
}

fn text(random: &mut Random, depth: usize) -> Both {
    let leaf = ["s", "t", "s", "'a'", "''", "'Zoë'", "'🦀'"];
    if depth == 0 {
        return Both::same(random.pick(&leaf));
    }
    let part = |random: &mut Random| text(random, depth - 1);
    match random.below(20) {
        13 => Both::frame("concat(@, '|', @)", &[part(random), part(random)]),
        14 => Both::frame("concat_ws('-', @, @, n)", &[part(random), part(random)]),
        15 => Both::frame(
            random.pick(&["lpad(@, 3, 'ż')", "rpad(@, 4, 'xy')", "repeat(@, 2)", "hex(@)"]),
            &[part(random)],
        ),
        16 => Both::frame(
            random.pick(&[
                "split_part(@, 'b', 1)",
                "split_part(@, 'a', 2)",
                "translate(@, 'ab', 'x')",
            ]),
            &[part(random)],
        ),
        17 => Both::frame(
            random.pick(&[
                "regexp_replace(@, '[a-y]', '<\\0>')",
                "regexp_replace(@, '(.)b', '\\1\\1', 'g')",
                "regexp_replace(@, 'Z|a', '$', 'gi')",
                "regexp_extract(@, '(.)b', 1)",
                "regexp_extract(@, '[^a]')",
            ]),
            &[part(random)],
        ),
        18 => Both::frame(
            &format!("{}(@, @)", random.pick(&["greatest", "least"])),
            &[part(random), part(random)],
        ),
        19 => json(random, depth),
        0 => Both::frame("upper(@)", &[part(random)]),
        1 => Both::frame("lower(@)", &[part(random)]),
        2 => Both::frame("(@ || @)", &[part(random), part(random)]),
        3 => Both::frame("substr(@, 2)", &[part(random)]),
        4 => Both::frame("substr(@, 1, 2)", &[part(random)]),
        5 => Both::frame("replace(@, 'a', @)", &[part(random), part(random)]),
        6 => Both::frame(
            &format!("{}(@)", random.pick(&["trim", "ltrim", "rtrim", "reverse"])),
            &[part(random)],
        ),
        7 => Both::frame(&format!("{}(@, 1)", random.pick(&["left", "right"])), &[part(random)]),
        8 => Both::same(random.pick(&[
            "CAST(a AS VARCHAR)",
            "CAST(d AS VARCHAR)",
            "CAST(b AS VARCHAR)",
            "CAST(day AS VARCHAR)",
            "CAST(moment AS VARCHAR)",
        ])),
        9 => Both::frame("COALESCE(@, 'none')", &[part(random)]),
        10 => Both::frame("(CASE WHEN @ THEN @ END)", &[boolean(random, depth - 1), part(random)]),
        _ => Both::same(random.pick(&leaf)),
    }
}

fn json(random: &mut Random, _depth: usize) -> Both {
    Both::same(random.pick(&[
        "(j ->> '$.a')",
        "(j ->> '$.b[1]')",
        "(j ->> '$.c.d')",
        "(j ->> 'a')",
        "(j ->> '$[1].a')",
        "json_extract_string(j, '$.b[2]')",
        "'text'",
    ]))
}

fn moment(random: &mut Random, depth: usize) -> Both {
    let leaf = [
        "day",
        "moment",
        "DATE '2024-02-29'",
        "TIMESTAMP '2026-11-21 01:02:03.5'",
        "CAST(moment AS DATE)",
        "(day - INTERVAL 1 MONTH)",
        "(day - INTERVAL 36 HOUR)",
        "(moment + INTERVAL 90 DAY)",
        "(moment + INTERVAL (n) MONTH)",
        "(moment - INTERVAL '1' YEAR)",
        "(moment + INTERVAL (n) SECOND)",
        "date_trunc('month', moment)",
        "date_trunc('week', day)",
        "date_trunc('hour', moment)",
        "last_day(day)",
        "greatest(day, DATE '2024-02-29')",
    ];
    if depth > 0 && random.below(4) == 0 {
        return Both::frame("COALESCE(day, @)", &[Both::same(random.pick(&leaf))]);
    }
    Both::same(random.pick(&leaf))
}
