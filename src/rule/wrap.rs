//! What the formats of JSON add: objects opened one level, the time and the host of a record, heartbeats.
//! Uses `rule`. Warm.

use std::borrow::Cow;

use super::file::Format;
use super::json;
use super::time::{Micros, read_stamp};

/// An object with its inner objects opened one level, keys joined by a dot; `None` when it is no object.
pub(super) fn open_one_level(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 16);
    out.push('{');
    let mut put = |head: &str, key: &str, value: &str| {
        out.push_str(if out.len() > 1 { ",\"" } else { "\"" });
        out.push_str(head);
        if !head.is_empty() {
            out.push('.');
        }
        for part in [key, "\":", value] {
            out.push_str(part);
        }
    };
    json::members(text, |key, (from, to)| {
        let value = text.get(from..to).unwrap_or_default();
        let mut inner = 0;
        let opened = json::members(value, |below, (from, to)| {
            put(key, below, value.get(from..to).unwrap_or_default());
            inner += 1;
            true
        });
        if opened.is_none() || inner == 0 {
            put("", key, value);
        }
        true
    })?;
    out.push('}');
    Some(out)
}

/// The value of the first of some keys that is there.
fn first<'t>(text: &'t str, keys: &[&str]) -> Option<Cow<'t, str>> {
    keys.iter().find_map(|key| {
        let (from, to) = json::member(text, key)?;
        json::shown(text.get(from..to)?)
    })
}

/// The time that the format gives a record, where no rule names a cell for it.
pub(super) fn time(format: Format, text: &str) -> Option<Micros> {
    match format {
        Format::Logstash | Format::Filebeat => read_stamp(&first(text, &["@timestamp"])?),
        Format::Flume => first(text, &["timestamp"])?.parse::<i64>().ok()?.checked_mul(1000),
        Format::Text | Format::Json | Format::Ums => None,
    }
}

/// The host that the format gives a record.
pub(super) fn host(format: Format, text: &str) -> Option<String> {
    let found = match format {
        Format::Logstash => {
            let (from, to) = json::member(text, "host")?;
            let value = text.get(from..to)?;
            match value.starts_with('{') {
                true => first(value, &["name", "hostname"])?,
                false => json::shown(value)?,
            }
        }
        Format::Filebeat => first(text, &["host.name", "agent.hostname", "beat.hostname"])?,
        Format::Flume => first(text, &["hostname", "host"])?,
        Format::Text | Format::Json | Format::Ums => return None,
    };
    (!found.is_empty()).then(|| found.into_owned())
}

/// Whether a JSON record is a heartbeat of its source.
pub(super) fn is_heartbeat(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), b"dbus-heartbeat").is_some()
        && json::check(text)
        && first(text, &["type"]).as_deref() == Some("dbus-heartbeat")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_opened_one_level() {
        let text = r#"{"a":{"b":1,"c":{"d":2}}, "e":[{}],"f":{} ,"g":"x"}"#;
        let opened = r#"{"a.b":1,"a.c":{"d":2},"e":[{}],"f":{},"g":"x"}"#;
        assert_eq!(open_one_level(text).as_deref(), Some(opened));
        assert_eq!(open_one_level("[]"), None);
    }

    #[test]
    fn formats_tell_time_and_host() {
        let logstash = r#"{"@timestamp":"2021-03-04T05:06:07.123Z","host":"h1"}"#;
        assert_eq!(time(Format::Logstash, logstash), read_stamp("2021-03-04 05:06:07.123"));
        assert_eq!(host(Format::Logstash, logstash).as_deref(), Some("h1"));
        assert_eq!(host(Format::Logstash, r#"{"host":{"name":"h2"}}"#).as_deref(), Some("h2"));
        assert_eq!(host(Format::Filebeat, r#"{"beat.hostname":"h3"}"#).as_deref(), Some("h3"));
        let flume = r#"{"timestamp":"1614834367123","hostname":"h4"}"#;
        assert_eq!(time(Format::Flume, flume), Some(1_614_834_367_123_000));
        assert_eq!(host(Format::Flume, flume).as_deref(), Some("h4"));
        assert_eq!((time(Format::Json, flume), host(Format::Text, "x")), (None, None));
    }

    #[test]
    fn heartbeats_are_told_by_their_type() {
        assert!(is_heartbeat(r#"{"x":1,"type":"dbus-heartbeat"}"#));
        assert!(!is_heartbeat(r#"{"type":"log","message":"dbus-heartbeat"}"#));
        assert!(!is_heartbeat("type dbus-heartbeat"));
    }
}
