//! The pattern library: names that are usual among users of grok, each with an expression of ours. A
//! table. They are written so that one look at a character decides where it belongs, as far as the
//! thing allows: such expressions run at the speed of a plain scan.

/// Name and expression.
pub(super) const PATTERNS: &[(&str, &str)] = &[
    // Numbers and words.
    ("INT", r"[+-]?\d+"),
    ("POSINT", r"\d+"),
    ("NONNEGINT", r"\d+"),
    ("NUMBER", r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"),
    ("BASE10NUM", r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)"),
    ("BASE16NUM", r"(?:0[xX])?[0-9A-Fa-f]+"),
    ("WORD", r"\w+"),
    ("NOTSPACE", r"\S+"),
    ("SPACE", r"\s*"),
    ("DATA", r".*?"),
    ("GREEDYDATA", r"(?s:.*)"),
    ("QUOTEDSTRING", r#"(?s:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"#),
    ("UUID", r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"),
    ("USERNAME", r"[\w.@-]+"),
    ("USER", r"%{USERNAME}"),
    ("EMAILADDRESS", r"[\w.!#$%&'*+/=?^`{|}~-]+@%{HOSTNAME}"),
    // The network.
    ("MAC", r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}"),
    ("IPV4", r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)"),
    (
        "IPV6",
        r"(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?::(?:(?:[0-9A-Fa-f]{1,4}:){0,5}%{IPV4}|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?",
    ),
    ("IP", r"%{IPV4}|%{IPV6}"),
    ("HOSTNAME", r"[0-9A-Za-z](?:[0-9A-Za-z_-]*)(?:\.[0-9A-Za-z_-]+)*\.?"),
    ("IPORHOST", r"[0-9A-Za-z:][0-9A-Za-z:._%-]*"),
    ("HOSTPORT", r"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+):\d{1,5}"),
    // Paths and addresses.
    ("UNIXPATH", r"(?:/[^/\x00]*)+"),
    ("WINPATH", r"(?:[A-Za-z]:|\\)(?:\\[^\\/:*?<>|]*)+"),
    ("PATH", r"%{UNIXPATH}|%{WINPATH}"),
    ("URIPROTO", r"[A-Za-z][0-9A-Za-z+.-]*"),
    ("URIHOST", r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#:@]+)(?::\d+)?"),
    ("URIPATH", r"/[^\s?#]*"),
    ("URIPARAM", r"\?[^\s#]*"),
    ("URIPATHPARAM", r"%{URIPATH}(?:%{URIPARAM})?"),
    ("URI", r"%{URIPROTO}://(?:[^\s/?#@]*@)?%{URIHOST}(?:%{URIPATHPARAM})?"),
    // Days and times.
    (
        "MONTH",
        r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)",
    ),
    ("MONTHNUM", r"0?[1-9]|1[0-2]"),
    ("MONTHDAY", r"0[1-9]|[12]\d|3[01]|[1-9]"),
    ("DAY", r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:day|sday|nesday|rsday|urday)?"),
    ("YEAR", r"\d{4}"),
    ("HOUR", r"2[0-3]|[01]?\d"),
    ("MINUTE", r"[0-5]\d"),
    ("SECOND", r"(?:[0-5]\d|60)(?:[.,]\d+)?"),
    ("TIME", r"(?:%{HOUR}):%{MINUTE}:%{SECOND}"),
    ("ISO8601_TIMEZONE", r"Z|[+-]\d{2}:?\d{2}"),
    ("DATE_US", r"(?:%{MONTHNUM})[/-](?:%{MONTHDAY})[/-]%{YEAR}"),
    ("DATE_EU", r"(?:%{MONTHDAY})[./-](?:%{MONTHNUM})[./-]%{YEAR}"),
    (
        "TIMESTAMP_ISO8601",
        r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:%{ISO8601_TIMEZONE})?",
    ),
    ("HTTPDATE", r"\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}"),
    ("SYSLOGTIMESTAMP", r"[A-Z][a-z]{2} +\d{1,2} \d{2}:\d{2}:\d{2}"),
    // Programs.
    (
        "LOGLEVEL",
        r"(?i:trace|debug|info(?:rmation)?|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|alert|fatal|severe|emerg(?:ency)?)",
    ),
    ("PROG", r"[^\s\[\]:]+"),
    ("JAVACLASS", r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*"),
    ("JAVAFILE", r"[\w. $-]+"),
    ("SYSLOGHOST", r"%{IPORHOST}"),
    ("HTTPD_USER", r"[^ ]*"),
    // Whole lines; their parts have names.
    (
        "SYSLOGLINE",
        r"(?:%{SYSLOGTIMESTAMP:time}) (?:%{NOTSPACE:host}) (?:%{PROG:program})(?:\[(?:%{POSINT:pid})\])?: (?:%{GREEDYDATA:message})",
    ),
    (
        "COMMONLOG",
        r#"(?:%{NOTSPACE:client}) (?:%{NOTSPACE:ident}) (?:%{NOTSPACE:user}) \[(?<time>[^\]]+)\] "(?<request>(?:[^"\\]|\\.)*)" (?<status>\d{3}) (?<bytes>\d+|-)"#,
    ),
    ("COMBINEDLOG", r#"%{COMMONLOG} "(?<referrer>(?:[^"\\]|\\.)*)" "(?<agent>(?:[^"\\]|\\.)*)""#),
];
