//! The operator userAgent: browser, system and kind of device of a User-Agent. Uses `rule`. Warm: the
//! answers of the last few thousand texts are kept.

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

/// How many answers are kept, as a power of two: each in the one place that its text has, so that texts
/// made on purpose cost no more than texts never seen.
const KEPT_BITS: u32 = 12;

/// An answer: what it is for, the parts behind each other, and where each is.
#[derive(Default)]
struct Known {
    agent: String,
    text: String,
    parts: [Option<(usize, usize)>; 4],
}

struct UserAgent {
    scope: Scope,
    names: Vec<Name>,
    known: Vec<Known>,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let prefix = keys.text("prefix")?.unwrap_or_else(|| "agent_".into());
    let names = PARTS.iter().map(|part| context.name(keys, "prefix", &format!("{prefix}{part}")));
    let names = names.collect::<Placed<_>>()?;
    Ok(Box::new(UserAgent { names, scope: context.one(keys)?, known: Vec::new() }))
}

impl Operator for UserAgent {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let found = self.scope.one(row).and_then(|at| row.get(at)).copied();
        let agent = work.plain(found.unwrap_or(Cell::NULL));
        if self.known.is_empty() {
            // An agent without a character tells nothing, as it should.
            self.known.resize_with(1 << KEPT_BITS, Known::default);
        }
        let Some(known) = self.known.get_mut(place(agent)) else { return Verdict::Keep };
        if known.agent != agent {
            known.set(agent);
        }
        let Some(cell) = work.push(&known.text) else { return TOO_LARGE };
        row.extend(known.parts.iter().zip(&self.names).map(|(part, name)| {
            part.map_or(Cell::NULL, |(from, to)| cell.part(from, to)).named(*name)
        }));
        Verdict::Keep
    }
}

impl Known {
    #[cold]
    fn set(&mut self, agent: &str) {
        agent.clone_into(&mut self.agent);
        self.text.clear();
        for (slot, part) in self.parts.iter_mut().zip(read(agent)) {
            *slot = part.map(|part| {
                let start = self.text.len();
                self.text.push_str(&part);
                (start, self.text.len())
            });
        }
    }
}

/// The place of a text among the answers.
#[inline]
fn place(text: &str) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(ODD).rotate_left(29);
    let hash = words.iter().fold(0, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let tail = rest.iter().fold(text.len() as u64, |tail, byte| tail << 8 | u64::from(*byte));
    (mix(hash, tail).wrapping_mul(ODD) >> (64 - KEPT_BITS)) as usize
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
