//! One given value. Uses `mask`, `ums`.

use std::sync::Arc;

use super::{ANY, Becomes, Method, Spec, Value, Wrong};
use crate::mask::older::neutral;
use crate::ums::Type;
use crate::ums::base64::decode_base64;
use crate::ums::json::{push_f32, push_f64, push_i64, push_string};

pub(super) const SPEC: Spec = Spec {
    name: "replace",
    form: "replace:VALUE",
    meaning: "VALUE for all. Where VALUE is none of the field's type it is as with default; a date is \
              taken when it has the form YYYY-MM-DD, a datetime with a time behind that.",
    takes: ANY,
    becomes: Becomes::Same,
    distinct: &[],
    keyed: false,
    examples: &[
        ("replace:hidden", Type::String, "Ann", "\"hidden\""),
        ("replace:9", Type::Int, "7", "9"),
        ("replace:x", Type::Int, "7", "0"),
        ("replace:9", Type::Long, "7", "\"9\""),
        ("replace:9.10", Type::Decimal, "12.50", "\"9.10\""),
        ("replace:9.5", Type::Double, "1.5", "9.5"),
        ("replace:9.5", Type::Float, "1.5", "9.5"),
        ("replace:true", Type::Boolean, "false", "true"),
        ("replace:2020-02-30", Type::Date, "2026-11-21", "\"2020-02-30\""),
        ("replace:soon", Type::Date, "2026-11-21", "\"1970-01-01\""),
        (
            "replace:2020-01-01 00:00:00",
            Type::Datetime,
            "2026-11-21 01:02:03",
            "\"2020-01-01 00:00:00\"",
        ),
        (
            "replace:2020-01-01 0:00",
            Type::Datetime,
            "2026-11-21 01:02:03",
            "\"1970-01-01 08:00:01.000\"",
        ),
        ("replace:AAE=", Type::Binary, "AAH/", "\"AAE=\""),
    ],
    parse: |parameter, _| Ok(Arc::new(Replace(parameter.to_owned()))),
};

#[derive(Debug)]
struct Replace(String);

impl Method for Replace {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        if typed(value.ty, &self.0, out).is_none() {
            out.extend_from_slice(neutral(value.ty).as_bytes());
        }
        Ok(())
    }
}

/// Appends the text as a cell of the type; nothing where it is none.
fn typed(ty: Type, text: &str, out: &mut Vec<u8>) -> Option<()> {
    match ty {
        Type::Int => push_i64(out, text.parse::<i32>().ok()?.into()),
        Type::Long => push_string(out, &text.parse::<i64>().ok()?.to_string()),
        Type::Float => push_f32(out, text.parse().ok().filter(|value: &f32| value.is_finite())?),
        Type::Double => push_f64(out, text.parse().ok().filter(|value: &f64| value.is_finite())?),
        Type::Decimal => {
            let (whole, fraction) =
                text.strip_prefix('-').unwrap_or(text).split_once('.').unwrap_or((text, "0"));
            let whole = whole.strip_prefix('-').unwrap_or(whole);
            let plain =
                |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            (plain(whole) && plain(fraction)).then(|| push_string(out, text))?;
        }
        Type::Boolean => {
            matches!(text, "true" | "false").then(|| out.extend_from_slice(text.as_bytes()))?;
        }
        Type::Date => has_form(text, "0000-00-00").then(|| push_string(out, text))?,
        Type::Datetime => {
            let form = "0000-00-00 00:00:00.000000";
            let fits = text.len() == 19 || (21..=26).contains(&text.len());
            (fits && has_form(text, form.get(..text.len())?)).then(|| push_string(out, text))?;
        }
        Type::String => push_string(out, text),
        Type::Binary => {
            decode_base64(text.as_bytes())?;
            push_string(out, text);
        }
    }
    Some(())
}

/// Whether a text has digits where the form has zeros, and else the form's characters.
fn has_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            like => byte == like,
        })
}
