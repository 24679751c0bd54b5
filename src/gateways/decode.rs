//! Reads a push's body. It is JSON whatever it is labelled as, and nothing outside the JSON is looked at: a form label
//! made AirNotifier take a token out of the text (`wire/airnotifier-server.md` 2).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A push as it came. Borrows from the body; `extra` and the gateways' sections stay as they are.
#[derive(Debug)]
pub struct Body<'a> {
    pub token: Cow<'a, str>,
    /// The platform as the client names it: `Android-fcm`, `iOS-fcm`, `ios`. `fcm` when it says nothing.
    pub device: Cow<'a, str>,
    pub alert: Alert<'a>,
    pub extra: Option<&'a RawValue>,
    pub fcm: Option<&'a RawValue>,
    pub apns: Option<&'a RawValue>,
}

/// The member `alert`: absent and null mean different things (`wire/airnotifier-server.md` 4.1).
#[derive(Debug, PartialEq, Eq)]
pub enum Alert<'a> {
    Absent,
    Null,
    Text(Cow<'a, str>),
    /// A map of title and body, or of languages.
    Map(&'a str),
}

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadBody {
    pub field: &'static str,
    pub words: String,
}

fn bad(field: &'static str, words: impl Into<String>) -> BadBody {
    BadBody { field, words: words.into() }
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    token: Option<&'a RawValue>,
    #[serde(borrow, default)]
    device: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    alert: Option<&'a RawValue>,
    #[serde(borrow, default)]
    extra: Option<&'a RawValue>,
    #[serde(borrow, default)]
    fcm: Option<&'a RawValue>,
    #[serde(borrow, default)]
    apns: Option<&'a RawValue>,
}

/// Keeps a null that is there apart from a member that is not.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads a body.
///
/// # Errors
/// The part of it that is wrong, and how.
pub fn decode(body: &[u8]) -> Result<Body<'_>, BadBody> {
    // An array would be read as a struct by position.
    if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(bad("body", "a JSON object is expected"));
    }
    let members: Members = serde_json::from_slice(body).map_err(|e| bad("body", format!("not a JSON object: {e}")))?;
    let token = text("token", members.token)?.ok_or_else(|| bad("token", "token is required"))?;
    let device = text("device", members.device)?.unwrap_or(Cow::Borrowed("fcm"));
    known_device(&device)?;
    Ok(Body {
        token,
        device,
        alert: alert(members.alert)?,
        extra: object("extra", members.extra)?,
        fcm: object("fcm", members.fcm)?,
        apns: object("apns", members.apns)?,
    })
}

fn text<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Option<Cow<'a, str>>, BadBody> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    serde_json::from_str::<Text>(raw.get()).map(|text| Some(text.0)).map_err(|_| bad(field, format!("{field} is text")))
}

fn object<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Option<&'a RawValue>, BadBody> {
    match raw.map(|raw| raw.get().as_bytes().first()) {
        None | Some(Some(b'n')) => Ok(None),
        Some(Some(b'{')) => Ok(raw),
        _ => Err(bad(field, format!("{field} is an object"))),
    }
}

fn alert(raw: Option<&RawValue>) -> Result<Alert<'_>, BadBody> {
    let Some(raw) = raw else { return Ok(Alert::Absent) };
    match raw.get().as_bytes().first() {
        Some(b'n') => Ok(Alert::Null),
        Some(b'{') => Ok(Alert::Map(raw.get())),
        Some(b'"') => Ok(text("alert", Some(raw))?.map_or(Alert::Null, Alert::Text)),
        _ => Err(bad("alert", "alert is text, an object or null")),
    }
}

/// Platforms that some gateway serves (`wire/airnotifier-server.md` 4.1); Moodle's app sends those that end in `fcm`.
fn known_device(device: &str) -> Result<(), BadBody> {
    let lower = device.to_ascii_lowercase();
    if lower.ends_with("fcm") || matches!(lower.as_str(), "ios" | "android") {
        return Ok(());
    }
    Err(bad("device", "Invalid device type: use one that ends in -fcm, or ios"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn absent_null_text_and_map_are_told_apart() {
        let alert = |member: &str| format!(r#"{{"token":"t"{member}}}"#);
        for (member, wanted) in [
            ("", Alert::Absent),
            (r#","alert":null"#, Alert::Null),
            (r#","alert":"a\u00e4""#, Alert::Text("aä".into())),
            (r#","alert":{"title":"x"}"#, Alert::Map(r#"{"title":"x"}"#)),
        ] {
            assert_eq!(decode(alert(member).as_bytes()).unwrap().alert, wanted, "{member}");
        }
    }

    #[test]
    fn a_bad_body_names_the_field() {
        for (body, field) in [
            ("", "body"),
            ("[]", "body"),
            (r#"["t"]"#, "body"),
            ("null", "body"),
            ("{", "body"),
            ("token=abc&device=fcm", "body"),
            ("{}", "token"),
            (r#"{"token":5}"#, "token"),
            (r#"{"token":null}"#, "token"),
            (r#"{"token":"t","device":[]}"#, "device"),
            (r#"{"token":"t","device":"pigeon"}"#, "device"),
            (r#"{"token":"t","extra":[]}"#, "extra"),
            (r#"{"token":"t","extra":"x"}"#, "extra"),
            (r#"{"token":"t","alert":7}"#, "alert"),
            (r#"{"token":"t","fcm":true}"#, "fcm"),
            ("{\"token\":\"\u{0}\"}", "body"),
        ] {
            assert_eq!(decode(body.as_bytes()).unwrap_err().field, field, "{body}");
        }
    }

    #[test]
    fn the_label_of_a_form_changes_nothing() {
        let body = br#" {"device":"Android-fcm","token":"real","extra":{"contexturl":"https://x.example/?a=1&token=stranger&device=ios"}}"#;
        assert_eq!(decode(body).unwrap().token, "real");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&body);
        }

        #[test]
        fn no_json_makes_it_panic(value in "(\\{|\\}|\\[|\\]|\"token\"|\"alert\"|\"extra\"|\"device\"|:|,|null|1e9|true|\"x\"| ){0,30}") {
            let _ = decode(value.as_bytes());
        }
    }
}
