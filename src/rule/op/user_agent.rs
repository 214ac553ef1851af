//! The operator userAgent: browser, system and kind of device of a User-Agent. Uses `rule`. Warm: the
//! answers of the last few thousand texts are kept.

use std::collections::HashMap;

use super::{Context, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{Cell, Name, Row, Work};
use crate::rule::read::{Keys, Placed};
use crate::rule::scope::Scope;

const PARTS: [&str; 4] = ["family", "version", "system", "device"];

/// The row.
pub const SPEC: Spec = Spec {
    name: "userAgent",
    summary: "Appends what a User-Agent tells as the cells family (Chrome, Firefox, curl, ...), version, \
              system (Windows, Android, ...) and device (desktop, mobile, tablet, bot, tool), each with a \
              prefix. What it does not tell is NULL. The table is a small one: it knows the usual ones.",
    keys: &[("cell", "The cell. [0]"), ("prefix", "What the names begin with. [agent_]")],
    example: "{ op = \"userAgent\", cell = \"agent\", prefix = \"agent_\" }",
    difference: "",
    compile,
};

/// A mark in the text, whether the version stands behind it, the family, and the device it tells. The
/// first row that fits counts: most browsers carry the marks of others.
const FAMILIES: &[(&str, &str, Option<&str>)] = &[
    ("Googlebot/", "Googlebot", Some("bot")),
    ("bingbot/", "Bingbot", Some("bot")),
    ("YandexBot/", "YandexBot", Some("bot")),
    ("Baiduspider/", "Baiduspider", Some("bot")),
    ("AhrefsBot/", "AhrefsBot", Some("bot")),
    ("GPTBot/", "GPTBot", Some("bot")),
    ("curl/", "curl", Some("tool")),
    ("Wget/", "Wget", Some("tool")),
    ("python-requests/", "python-requests", Some("tool")),
    ("Python-urllib/", "Python-urllib", Some("tool")),
    ("Go-http-client/", "Go-http-client", Some("tool")),
    ("Apache-HttpClient/", "Apache-HttpClient", Some("tool")),
    ("okhttp/", "okhttp", Some("tool")),
    ("PostmanRuntime/", "Postman", Some("tool")),
    ("ApacheBench/", "ApacheBench", Some("tool")),
    ("MicroMessenger/", "WeChat", None),
    ("EdgA/", "Edge", None),
    ("EdgiOS/", "Edge", None),
    ("Edg/", "Edge", None),
    ("Edge/", "Edge", None),
    ("OPR/", "Opera", None),
    ("Opera/", "Opera", None),
    ("SamsungBrowser/", "Samsung Browser", None),
    ("Vivaldi/", "Vivaldi", None),
    ("YaBrowser/", "Yandex Browser", None),
    ("CriOS/", "Chrome", None),
    ("FxiOS/", "Firefox", None),
    ("Firefox/", "Firefox", None),
    ("Chrome/", "Chrome", None),
    ("Version/", "Safari", None),
    ("MSIE ", "Internet Explorer", None),
    ("rv:11", "Internet Explorer", None),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("Windows Phone", "Windows Phone"),
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];

/// How many answers are kept.
const KEPT: usize = 4096;

struct UserAgent {
    scope: Scope,
    names: Vec<Name>,
    known: HashMap<String, [Option<String>; 4]>,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let prefix = keys.text("prefix")?.unwrap_or_else(|| "agent_".into());
    let names = PARTS.iter().map(|part| context.name(keys, "prefix", &format!("{prefix}{part}")));
    let names = names.collect::<Placed<_>>()?;
    Ok(Box::new(UserAgent { names, scope: context.one(keys)?, known: HashMap::new() }))
}

impl Operator for UserAgent {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let found = self.scope.one(row).and_then(|at| row.get(at)).copied();
        let text = work.plain(found.unwrap_or(Cell::NULL));
        if !self.known.contains_key(text) {
            if self.known.len() >= KEPT {
                self.known.clear();
            }
            self.known.insert(text.to_owned(), read(text));
        }
        let Some(parts) = self.known.get(text) else { return Verdict::Keep };
        for (part, name) in parts.iter().zip(&self.names) {
            let made = match part {
                Some(part) => work.push(part),
                None => Some(Cell::NULL),
            };
            let Some(made) = made else { return TOO_LARGE };
            row.push(made.named(*name));
        }
        Verdict::Keep
    }
}

fn read(text: &str) -> [Option<String>; 4] {
    let family = FAMILIES.iter().find_map(|(mark, family, device)| {
        // What stands before Safari's version does not tell it from old Android browsers.
        let fits = *family != "Safari" || text.contains("Safari/");
        let at = text.find(mark).filter(|_| fits)?;
        Some((at, *mark, *family, *device))
    });
    let system = SYSTEMS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, system)| *system);
    let version = family.map(|(at, mark, ..)| {
        let from = if mark == "rv:11" { at + 3 } else { at + mark.len() };
        let rest = text.get(from..).unwrap_or_default();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().trim_end_matches('.').to_owned()
    });
    let told = family.and_then(|(.., device)| device);
    let lower = text.to_ascii_lowercase();
    let is_bot = ["bot", "spider", "crawler"].iter().any(|mark| lower.contains(mark));
    let is_tablet = text.contains("iPad") || (text.contains("Android") && !text.contains("Mobile"));
    let device = match (told, system) {
        (Some(device), _) => Some(device),
        _ if is_bot => Some("bot"),
        _ if is_tablet => Some("tablet"),
        (_, Some("Android" | "iOS" | "Windows Phone")) => Some("mobile"),
        (_, Some(_)) => Some("desktop"),
        _ => None,
    };
    let own = |text: &str| Some(text.to_owned());
    [
        family.and_then(|(_, _, family, _)| own(family)),
        version.filter(|version| !version.is_empty()),
        system.and_then(own),
        device.and_then(own),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::one;

    #[test]
    fn agents() {
        let agent = |text: &str| one("{ op = \"userAgent\" }", &[text])[1..].join(" ");
        for (text, expected) in [
            ("curl/7.88.1", "curl 7.88.1 NULL tool"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36 Edg/119.0.2151.44",
                "Edge 119.0.2151.44 Windows desktop",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15",
                "Safari 17.0 macOS desktop",
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 Mobile Safari/537.36",
                "Chrome 118.0.0.0 Android mobile",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
                "Safari 16.6 iOS tablet",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/119.0",
                "Firefox 119.0 Linux desktop",
            ),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "Googlebot 2.1 NULL bot",
            ),
            ("SomeCrawler/1", "NULL NULL NULL bot"),
            ("-", "NULL NULL NULL NULL"),
            ("", "NULL NULL NULL NULL"),
        ] {
            assert_eq!(agent(text), expected, "{text}");
        }
    }
}
