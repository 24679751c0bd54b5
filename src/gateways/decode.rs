//! Reads a push's body. It is JSON whatever it is labelled as, and nothing outside the JSON is looked at: a form label
//! made AirNotifier take a token out of the text (`wire/airnotifier-server.md` 2).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A token's most characters: what `devices::DeviceToken` takes too.
const TOKEN_CHARS: usize = 4_096;
/// The most characters of a platform and of a channel: they are stored and shown.
const DEVICE_CHARS: usize = 64;
/// How deep what is passed on may be nested. FCM's own messages need eight; an AirNotifier's JSON reader gives up at
/// about a thousand with a 500, which looks like a backend that is down.
const DEEPEST: usize = 32;

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

/// Which gateway a device's token is for (`wire/airnotifier-server.md` 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Ends in `fcm`, iPhones of Moodle's app too; or plain `android`.
    Fcm,
    /// A token of APNs itself: apps of about 2018 and before.
    Apns,
    Unknown,
}

/// What a device, as its client names it, is; in any case of letters.
pub fn platform(device: &str) -> Platform {
    let ends_in_fcm = device.len().checked_sub(3).and_then(|at| device.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case("fcm"));
    if ends_in_fcm || device.eq_ignore_ascii_case("android") {
        Platform::Fcm
    } else if device.eq_ignore_ascii_case("ios") {
        Platform::Apns
    } else {
        Platform::Unknown
    }
}

impl<'a> Body<'a> {
    /// The same for another device: what is sent to many has no token of its own.
    pub fn to<'b>(&'b self, token: &'b str, device: &'b str) -> Body<'b>
    where
        'a: 'b,
    {
        let alert = match &self.alert {
            Alert::Absent => Alert::Absent,
            Alert::Null => Alert::Null,
            Alert::Text(text) => Alert::Text(Cow::Borrowed(text)),
            Alert::Map(map) => Alert::Map(map),
        };
        let (extra, fcm, apns) = (self.extra, self.fcm, self.apns);
        Body { token: Cow::Borrowed(token), device: Cow::Borrowed(device), alert, extra, fcm, apns }
    }

    /// Whether what is said may depend on the device's language.
    pub fn speaks_languages(&self) -> bool {
        matches!(self.alert, Alert::Map(_))
    }
}

impl Body<'_> {
    /// Which gateway its token is for.
    pub fn platform(&self) -> Platform {
        platform(&self.device)
    }
}

fn bad(field: &'static str, words: impl Into<String>) -> BadBody {
    BadBody { field, words: words.into() }
}

#[derive(Default)]
struct Members<'a> {
    token: Option<&'a RawValue>,
    device: Option<&'a RawValue>,
    alert: Option<&'a RawValue>,
    extra: Option<&'a RawValue>,
    fcm: Option<&'a RawValue>,
    apns: Option<&'a RawValue>,
    channel: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    /// The last of two with one name counts, as it does to AirNotifier.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Members::default();
                while let Some(Text(name)) = map.next_key()? {
                    let member = match name.as_ref() {
                        "token" => &mut members.token,
                        "device" => &mut members.device,
                        "alert" => &mut members.alert,
                        "extra" => &mut members.extra,
                        "fcm" => &mut members.fcm,
                        "apns" => &mut members.apns,
                        "channel" => &mut members.channel,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    // A null that is there is kept apart from a member that is not.
                    *member = Some(map.next_value()?);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a body.
///
/// # Errors
/// The part of it that is wrong, and how.
pub fn decode(body: &[u8]) -> Result<Body<'_>, BadBody> {
    let members = members(body)?;
    let token = text("token", members.token)?.ok_or_else(|| bad("token", "token is required"))?;
    known_token(&token)?;
    let device = text("device", members.device)?.unwrap_or(Cow::Borrowed("fcm"));
    known_device(&device)?;
    whole(token, device, &members)
}

/// Reads what is sent to many devices: as [`decode`] does, but for the token, which it has not. `device` is the only
/// platform that is meant; empty: all of them.
///
/// # Errors
/// The part of it that is wrong, and how.
pub fn decode_mailing(body: &[u8]) -> Result<Body<'_>, BadBody> {
    let members = members(body)?;
    let device = text("device", members.device)?.unwrap_or_default();
    if !device.is_empty() {
        known_device(&device)?;
    }
    whole(Cow::Borrowed(""), device, &members)
}

/// The only channel that is meant by what is sent to many devices; none, or an empty one: all of them.
///
/// # Errors
/// What is wrong with it.
pub fn channel(body: &[u8]) -> Result<Option<Cow<'_, str>>, BadBody> {
    let channel = text("channel", members(body)?.channel)?.filter(|channel| !channel.is_empty());
    match channel {
        Some(channel) if !is_name(&channel) => {
            Err(bad("channel", format!("channel is at most {DEVICE_CHARS} letters, digits, dots, hyphens and underscores")))
        }
        channel => Ok(channel),
    }
}

fn members(body: &[u8]) -> Result<Members<'_>, BadBody> {
    let body = std::str::from_utf8(body).map_err(|_| bad("body", "a JSON object in UTF-8 is expected"))?;
    serde_json::from_str(body).map_err(|e| bad("body", format!("a JSON object is expected: {e}")))
}

fn whole<'a>(token: Cow<'a, str>, device: Cow<'a, str>, members: &Members<'a>) -> Result<Body<'a>, BadBody> {
    Ok(Body {
        token,
        device,
        alert: alert(members.alert)?,
        extra: object("extra", members.extra)?,
        fcm: object("fcm", members.fcm).and_then(shallow("fcm"))?,
        apns: object("apns", members.apns).and_then(shallow("apns"))?,
    })
}

fn text<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Option<Cow<'a, str>>, BadBody> {
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
        Some(b'{') => shallow("alert")(Some(raw)).map(|_| Alert::Map(raw.get())),
        Some(b'"') => Ok(text("alert", Some(raw))?.map_or(Alert::Null, Alert::Text)),
        _ => Err(bad("alert", "alert is text, an object or null")),
    }
}

/// What is passed on as it is must be readable where it arrives: raw JSON has no limit of depth of its own.
fn shallow<'a>(field: &'static str) -> impl Fn(Option<&'a RawValue>) -> Result<Option<&'a RawValue>, BadBody> {
    move |raw| match raw.map_or(0, |raw| depth(raw.get())) {
        0..=DEEPEST => Ok(raw),
        _ => Err(bad(field, format!("{field} is nested more than {DEEPEST} deep"))),
    }
}

/// How deep valid JSON is nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text) = (0_usize, 0, false);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_text = !in_text,
            // Whatever it escapes, a quotation mark or another backslash, is no mark of its own.
            b'\\' => drop(bytes.next()),
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn known_token(token: &str) -> Result<(), BadBody> {
    if token.is_empty() {
        return Err(bad("token", "token is empty"));
    }
    if token.chars().nth(TOKEN_CHARS).is_some() {
        return Err(bad("token", format!("token has more than {TOKEN_CHARS} characters")));
    }
    if token.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(bad("token", "token has characters that no device token has"));
    }
    Ok(())
}

/// Moodle's app sends names that end in `fcm`; a name that no gateway serves is refused in AirNotifier's words.
fn known_device(device: &str) -> Result<(), BadBody> {
    if is_name(device) && platform(device) != Platform::Unknown {
        return Ok(());
    }
    Err(bad("device", "Invalid device type: use one that ends in -fcm, or ios"))
}

/// As platforms and channels are named.
fn is_name(text: &str) -> bool {
    text.len() <= DEVICE_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
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
            (r#"{"token":""}"#, "token"),
            (r#"{"token":"a b"}"#, "token"),
            (r#"{"token":"a\u0000"}"#, "token"),
            (r#"{"token":"t","device":"pigeon"}"#, "device"),
            (r#"{"token":"t","device":"wns"}"#, "device"),
            (r#"{"token":"t","device":"a b-fcm"}"#, "device"),
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

    #[test]
    fn bytes_that_are_not_utf8_are_no_body_even_where_nobody_looks() {
        assert_eq!(decode(b"{\"token\":\"t\",\"unknown\":\"\xff\"}").unwrap_err().field, "body");
    }

    #[test]
    fn lengths_have_bounds() {
        let with = |token: usize, device: usize| {
            let body = format!(r#"{{"token":"{}","device":"{}fcm"}}"#, "t".repeat(token), "d".repeat(device));
            decode(body.as_bytes()).map(|_| ()).map_err(|bad| bad.field)
        };
        assert_eq!(with(4_096, 61), Ok(()));
        assert_eq!(with(4_097, 0), Err("token"));
        assert_eq!(with(1, 62), Err("device"));
    }

    #[test]
    fn what_is_passed_on_is_not_nested_deeply() {
        let nested = |field: &str, n: usize| format!(r#"{{"token":"t","{field}":{{"a":{}"\"]}}"{}}}}}"#, "[".repeat(n), "]".repeat(n));
        for field in ["alert", "fcm", "apns"] {
            assert!(decode(nested(field, 31).as_bytes()).is_ok(), "{field}");
            assert_eq!(decode(nested(field, 32).as_bytes()).unwrap_err().field, field);
            assert_eq!(decode(nested(field, 30_000).as_bytes()).unwrap_err().field, field);
        }
        // It goes no further, so its depth harms nobody.
        assert!(decode(nested("extra", 10_000).as_bytes()).is_ok());
        assert!(decode(nested("unknown", 10_000).as_bytes()).is_ok());
    }

    #[test]
    fn of_two_with_one_name_the_last_counts() {
        assert_eq!(decode(br#"{"token":"a","token":"b","x":1,"x":2}"#).unwrap().token, "b");
    }

    #[test]
    fn a_device_names_its_platform() {
        for (device, wanted) in [
            ("fcm", Platform::Fcm),
            ("Android-fcm", Platform::Fcm),
            ("iOS-FCM", Platform::Fcm),
            ("android", Platform::Fcm),
            ("iOS", Platform::Apns),
            ("wns", Platform::Unknown),
            ("é", Platform::Unknown),
            ("", Platform::Unknown),
        ] {
            assert_eq!(platform(device), wanted, "{device}");
        }
        assert_eq!(decode(br#"{"token":"t"}"#).unwrap().platform(), Platform::Fcm);
    }

    #[test]
    fn what_is_sent_to_many_has_no_token_and_may_name_a_channel_and_a_platform() {
        let all = decode_mailing(br#"{"alert":"x"}"#).unwrap();
        assert_eq!((all.token.as_ref(), all.device.as_ref(), all.alert), ("", "", Alert::Text("x".into())));
        let body = br#"{"alert":"x","token":"stranger","device":"iOS-fcm","channel":"news"}"#;
        let some = decode_mailing(body).unwrap();
        assert_eq!((some.token.as_ref(), some.device.as_ref()), ("", "iOS-fcm"));
        assert_eq!(channel(body).unwrap().as_deref(), Some("news"));
        for none in [r#"{}"#, r#"{"channel":""}"#, r#"{"channel":null}"#] {
            assert_eq!(channel(none.as_bytes()), Ok(None));
        }
        assert_eq!(channel(br#"{"channel":"a b"}"#).unwrap_err().field, "channel");
        assert_eq!(channel(br#"{"channel":5}"#).unwrap_err().field, "channel");
        assert_eq!(decode_mailing(br#"{"device":"pigeon"}"#).unwrap_err().field, "device");
        assert_eq!(decode_mailing(b"[]").unwrap_err().field, "body");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&body);
            let _ = decode_mailing(&body);
        }

        #[test]
        fn no_json_makes_it_panic(value in "(\\{|\\}|\\[|\\]|\"token\"|\"alert\"|\"extra\"|\"device\"|:|,|null|1e9|true|\"x\"| ){0,30}") {
            let _ = decode(value.as_bytes());
        }
    }
}
