//! Grok: expressions put together from named patterns. Uses `rule::pattern`. Not hot: what comes out
//! is an ordinary expression.

mod library;

use super::pattern::Parts;

/// Patterns may name others so deep; a pattern that names itself ends here.
const DEEPEST: usize = 24;

/// The longest expression that patterns may grow to, in bytes.
const LONGEST: usize = 1 << 20;

/// The patterns: those that come with the program, and before them those of a rules file.
#[derive(Debug, Clone, Default)]
pub struct Library {
    own: Vec<(String, String)>,
}

/// Names and expressions of the patterns that come with the program.
pub fn patterns() -> &'static [(&'static str, &'static str)] {
    library::PATTERNS
}

impl Library {
    /// A library with patterns of a rules file.
    pub fn new(own: Vec<(String, String)>) -> Self {
        Self { own }
    }

    fn find(&self, name: &str) -> Option<&str> {
        let own = self.own.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
        own.or_else(|| {
            library::PATTERNS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
        })
    }

    /// The expression, and its groups that have names: group number and name.
    ///
    /// # Errors
    /// What is wrong, as a text.
    pub(super) fn compile(&self, text: &str) -> Result<(Parts, Vec<(usize, String)>), String> {
        let mut labels = Vec::new();
        let mut out = String::new();
        self.expand(text, 0, &mut out, &mut labels)?;
        let parts = Parts::build(&out)?;
        let mut groups: Vec<(usize, String)> = Vec::new();
        for (group, name) in parts.names().enumerate() {
            let Some(name) = name else { continue };
            let label =
                match name.strip_prefix(LABEL).and_then(|number| number.parse::<usize>().ok()) {
                    Some(number) => labels.get(number).cloned().unwrap_or_default(),
                    None => name.to_owned(),
                };
            if groups.iter().any(|(_, known)| *known == label) {
                return Err(format!("the name {label} is there twice"));
            }
            groups.push((group, label));
        }
        Ok((parts, groups))
    }

    fn expand(
        &self,
        text: &str,
        depth: usize,
        out: &mut String,
        labels: &mut Vec<String>,
    ) -> Result<(), String> {
        if depth > DEEPEST || out.len() > LONGEST {
            return Err("patterns name each other without end".into());
        }
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("%{") {
            let (inside, tail) =
                after.split_once('}').ok_or_else(|| "a %{ is not closed".to_owned())?;
            out.push_str(before);
            let (name, label) = match inside.split_once(':') {
                Some((name, label)) => (name, Some(label)),
                None => (inside, None),
            };
            let found = self.find(name).ok_or_else(|| self.unknown(name))?;
            match label {
                Some(label) if label.contains(':') => {
                    return Err(format!("%{{{inside}}}: types of columns belong to saveAs"));
                }
                Some(label) => {
                    out.push_str(&format!("(?<{LABEL}{}>", labels.len()));
                    labels.push(label.to_owned());
                }
                None => out.push_str("(?:"),
            }
            self.expand(found, depth + 1, out, labels)?;
            out.push(')');
            rest = tail;
        }
        out.push_str(rest);
        Ok(())
    }

    fn unknown(&self, name: &str) -> String {
        let near = |known: &&str| known.contains(name) || name.contains(*known);
        let names = library::PATTERNS.iter().map(|(known, _)| *known);
        let like: Vec<&str> = names.filter(near).take(6).collect();
        let like =
            if like.is_empty() { String::new() } else { format!("; like it: {}", like.join(", ")) };
        format!("there is no pattern {name}{like}; logrules.5 lists them, [patterns] adds some")
    }
}

/// What group names of labels begin with, because labels may have other characters than names of
/// groups.
const LABEL: &str = "label_of_grok_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_takes_no_empty_text_alone() {
        let library = Library::default();
        for (name, _) in patterns() {
            let (mut parts, _) = library
                .compile(&format!("^%{{{name}}}$"))
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            let may_be_empty = ["DATA", "GREEDYDATA", "SPACE", "HTTPD_USER"].contains(name);
            assert!(may_be_empty || !parts.find(""), "{name} matches nothing at all");
            assert_eq!(patterns().iter().filter(|(other, _)| other == name).count(), 1, "{name}");
        }
    }

    #[test]
    fn patterns_match_what_they_say() {
        let library = Library::default();
        for (name, yes, no) in [
            ("INT", "-17", "1.5"),
            ("NUMBER", "-1.5", "1e"),
            ("BASE16NUM", "0xfF", "0xg"),
            ("POSINT", "17", "-17"),
            ("WORD", "a_1", "a-b"),
            ("NOTSPACE", "a-ü", "a b"),
            ("QUOTEDSTRING", "\"a \\\" b\"", "\"a\" b\""),
            ("UUID", "123e4567-e89b-12d3-a456-426614174000", "123e4567"),
            ("MAC", "00:1b:2C:3d:4e:5f", "00:1b"),
            ("IPV4", "255.10.0.1", "256.1.1.1"),
            ("IPV6", "fe80::1", "1:2"),
            ("IPV6", "2001:db8:0:0:1:0:0:1", "g::1"),
            ("IP", "::ffff:10.0.0.1", "10.0.0"),
            ("HOSTNAME", "a-b.example.org", "a..b"),
            ("HOSTPORT", "h:80", "h"),
            ("PATH", "/var/log/a b.log", "var"),
            ("URI", "https://u@h:8/p?q=1", "/p"),
            ("URIPATH", "/a/b.c", "a b"),
            ("EMAILADDRESS", "a.b+c@d.org", "a@"),
            ("LOGLEVEL", "WARN", "warned"),
            ("MONTH", "September", "Sepp"),
            ("MONTHDAY", "31", "32"),
            ("YEAR", "2026", "26x"),
            ("TIME", "23:59:60,123", "24:00:00"),
            ("HTTPDATE", "21/Nov/2026:01:02:03 +0000", "21/11/2026:01:02:03 +0000"),
            ("SYSLOGTIMESTAMP", "Nov  1 01:02:03", "1 Nov 01:02:03"),
            ("TIMESTAMP_ISO8601", "2026-11-21T01:02:03.5+01:00", "2026-11-21"),
            ("JAVACLASS", "org.a.B$1", "1a"),
        ] {
            let (mut parts, _) = library.compile(&format!("^%{{{name}}}$")).unwrap();
            assert!(parts.find(yes), "{name} should take {yes}");
            assert!(!parts.find(no), "{name} should not take {no}");
        }
    }

    #[test]
    fn lines_of_servers() {
        let library = Library::default();
        let groups = |pattern: &str, line: &str| {
            let (mut parts, names) = library.compile(pattern).unwrap();
            assert!(parts.find(line), "{pattern}: {line}");
            let text = |(group, name): &(usize, String)| {
                format!(
                    "{name}={}",
                    parts.group(*group).map_or("NULL", |(from, to)| &line[from..to])
                )
            };
            names.iter().map(text).collect::<Vec<_>>().join("|")
        };
        assert_eq!(
            groups(
                "^%{COMBINEDLOG}$",
                r#"::1 - bob [21/Nov/2026:01:02:03 +0000] "GET /a?b HTTP/1.1" 200 - "-" "x \" y""#
            ),
            "client=::1|ident=-|user=bob|time=21/Nov/2026:01:02:03 +0000|request=GET /a?b HTTP/1.1|status=200|bytes=-|referrer=-|agent=x \\\" y"
        );
        assert_eq!(
            groups("^%{SYSLOGLINE}$", "Nov 21 01:02:03 web-1 sshd[17]: Failed password for x"),
            "time=Nov 21 01:02:03|host=web-1|program=sshd|pid=17|message=Failed password for x"
        );
    }

    #[test]
    fn mistakes_are_said() {
        let library = Library::new(vec![("A".into(), "%{B}".into()), ("B".into(), "%{A}x".into())]);
        for (text, word) in [
            ("%{A:x}", "without end"),
            ("%{NUMBERS:x}", "like it: NUMBER"),
            ("%{IP", "not closed"),
            ("%{IP:x:int}", "saveAs"),
            ("%{IP:x} %{IP:x}", "twice"),
        ] {
            let error = library.compile(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
