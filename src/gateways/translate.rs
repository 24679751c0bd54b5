//! What Moodle says → what the Moodle app reads (`wire/moodle-app.md` 3), in a form that every gateway can send.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::decode::{Alert, Body, Platform};

/// Members of `extra` that the phone gets under another name, or not at all: what is shown already, what is empty in
/// practice, and `notification`, which makes the Android plugin throw.
const NOT_PASSED: [&str; 13] = [
    "notification",
    "component",
    "wwwroot",
    "processor",
    "smallmessage",
    "fullmessage",
    "fullmessagehtml",
    "fullmessageformat",
    "attachment",
    "attachname",
    "replyto",
    "replytoname",
    "alert",
];
/// What is dropped, in this order, from a message that is too large. What opens the notification
/// is not among it; whatever else there is goes after these.
const DROPPED_FIRST: [&str; 10] = [
    "customdata",
    "contexturlname",
    "siteshortname",
    "sitefullname",
    "conversationtype",
    "timecreated",
    "date",
    "modulename",
    "userfromfullname",
    "contexturl",
];
/// What Moodle seals (`wire/moodle-app.md` 3.1): never dropped from a sealed message, never touched.
const SEALED: [&str; 6] = ["userfromfullname", "userfromid", "sitefullname", "smallmessage", "subject", "contexturl"];
/// What the app opens a notification by: all that is left of the data when the rest has had to go.
const OPENS: [&str; 12] = [
    "notif",
    "moodlecomponent",
    "name",
    "site",
    "siteurl",
    "encrypted",
    "notId",
    "savedmessageid",
    "convid",
    "userfromid",
    "usertoid",
    "courseid",
];
/// The most members of `extra` that have a value; Moodle sends 32. Each is compared with those before it.
const MOST_MEMBERS: usize = 128;
/// Never a data key: FCM refuses them.
const RESERVED: [&str; 2] = ["from", "message_type"];
/// What the shortened text ends with.
const ELLIPSIS: char = '…';

/// A message for one device, ready for any gateway. It borrows from the body what it need not change.
#[derive(Debug)]
pub struct Message<'a> {
    notification: Notification<'a>,
    /// In the order in which they came; each value is text.
    data: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    encrypted: bool,
    platform: Platform,
    /// Sections that a client other than Moodle gave for the gateway: passed on unchanged.
    fcm: Option<&'a RawValue>,
    apns: Option<&'a RawValue>,
}

#[derive(Debug)]
enum Notification<'a> {
    /// Data only: the phone shows nothing by itself.
    None,
    Shown {
        title: Cow<'a, str>,
        body: Cow<'a, str>,
    },
    /// As a client gave it.
    Given {
        raw: Box<RawValue>,
        bytes: usize,
    },
}

impl Notification<'_> {
    fn given(raw: Box<RawValue>) -> Self {
        Self::Given { bytes: text_bytes(raw.get()), raw }
    }
}

/// Why a push can't be translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CantTranslate {
    /// `extra.processor` names something that this hub does not know.
    UnknownProcessor(String),
    /// Too large, and nothing that may be dropped or shortened is left.
    TooLarge {
        bytes: usize,
        limit: usize,
    },
    BadField {
        field: &'static str,
        words: String,
    },
}

/// A value of `extra` as the text that the phone gets. Null, empty text, and structures that mean nothing there are
/// none.
fn as_text<'a>(name: &str, raw: &'a RawValue) -> serde_json::Result<Option<Cow<'a, str>>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let raw = raw.get();
    Ok(match raw.as_bytes().first() {
        Some(b'"') => Some(serde_json::from_str::<Text>(raw)?.0).filter(|text| !text.is_empty()),
        Some(b't') => Some(Cow::Borrowed("1")),
        Some(b'f') => Some(Cow::Borrowed("0")),
        Some(b'n') | None => None,
        // The app reads it as JSON in text.
        Some(b'{' | b'[') => (name == "customdata").then_some(Cow::Borrowed(raw)),
        // Numbers as they were written.
        Some(_) => Some(Cow::Borrowed(raw)),
    })
}

/// The members of `extra` that have a value.
#[derive(Debug, Default, PartialEq, Eq)]
struct Extra<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Extra<'a> {
    /// Reads them: what Moodle sends, texts and whole numbers, in one go; anything else once more, as it was written.
    fn parse(json: &'a str) -> serde_json::Result<Self> {
        Members::<Plain>::read(json).or_else(|_| Members::<&RawValue>::read(json))
    }

    /// Adds a member. The first of two with one name counts: what was looked at is what is sent. `false`: there are too many.
    fn add(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) -> bool {
        if self.0.iter().any(|(known, _)| *known == name) {
            return true;
        }
        let fits = self.0.len() < MOST_MEMBERS;
        if fits {
            self.0.push((name, value));
        }
        fits
    }
}

/// A way of reading a member's value.
trait Value<'a>: Deserialize<'a> {
    fn text(self, name: &str) -> serde_json::Result<Option<Cow<'a, str>>>;
}

impl<'a> Value<'a> for &'a RawValue {
    fn text(self, name: &str) -> serde_json::Result<Option<Cow<'a, str>>> {
        as_text(name, self)
    }
}

/// A text, a whole number, a yes or no, or nothing; it can't be anything else.
struct Plain<'a>(Option<Cow<'a, str>>);

impl<'a> Value<'a> for Plain<'a> {
    fn text(self, _: &str) -> serde_json::Result<Option<Cow<'a, str>>> {
        Ok(self.0.filter(|text| !text.is_empty()))
    }
}

impl<'de> Deserialize<'de> for Plain<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Found;
        impl<'de> Visitor<'de> for Found {
            type Value = Plain<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a whole number, true, false or null")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Plain<'de>, E> {
                Ok(Plain(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Plain<'de>, E> {
                Ok(Plain(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Plain<'de>, E> {
                Ok(Plain(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Plain<'de>, E> {
                Ok(Plain(Some(Cow::Owned(number.to_string()))))
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Plain<'de>, E> {
                Ok(Plain(Some(Cow::Borrowed(if yes { "1" } else { "0" }))))
            }

            fn visit_unit<E>(self) -> Result<Plain<'de>, E> {
                Ok(Plain(None))
            }
        }
        deserializer.deserialize_any(Found)
    }
}

/// Reads the members of an object, each value in one way.
struct Members<V>(PhantomData<V>);

impl<'de, V: Value<'de>> Members<V> {
    fn read(json: &'de str) -> serde_json::Result<Extra<'de>> {
        serde_json::Deserializer::from_str(json).deserialize_map(Self(PhantomData))
    }
}

impl<'de, V: Value<'de>> Visitor<'de> for Members<V> {
    type Value = Extra<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra<'de>, A::Error> {
        #[derive(Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
        let mut extra = Extra(Vec::with_capacity(32));
        while let Some(Name(name)) = map.next_key()? {
            let value = map.next_value::<V>()?.text(&name).map_err(serde::de::Error::custom)?;
            if value.is_some_and(|value| !extra.add(name, value)) {
                return Err(serde::de::Error::custom(format_args!("more than {MOST_MEMBERS} members")));
            }
        }
        Ok(extra)
    }
}

impl<'a> Extra<'a> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// The same, to be kept.
    fn take(&self, name: &str) -> Option<Cow<'a, str>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

/// Translates a push. `limit`: the most bytes of notification and data together. `language`: the device's, for an alert
/// that is a map of languages.
///
/// # Errors
/// Why it can't be sent.
pub fn translate<'a>(body: &Body<'a>, limit: usize, language: Option<&str>) -> Result<Message<'a>, CantTranslate> {
    let extra = match body.extra {
        Some(raw) => {
            Extra::parse(raw.get()).map_err(|e| CantTranslate::BadField { field: "extra", words: format!("extra can't be read: {e}") })?
        }
        None => Extra::default(),
    };
    let mut message = match extra.get("processor") {
        Some("moodle") => from_moodle(body, extra, language)?,
        Some(other) => return Err(CantTranslate::UnknownProcessor(other.chars().take(50).collect())),
        None if body.alert == Alert::Absent && (extra.get("smallmessage").is_some() || extra.get("component").is_some()) => {
            from_moodle(body, extra, language)?
        }
        None => as_given(body, language)?,
    };
    message.fit(limit)?;
    Ok(message)
}

fn is_yes(value: Option<&str>) -> bool {
    value.is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}

fn from_moodle<'a>(body: &Body<'a>, extra: Extra<'a>, language: Option<&str>) -> Result<Message<'a>, CantTranslate> {
    let encrypted = is_yes(extra.get("encrypted"));
    let notification = match &body.alert {
        // Sealed, or a client that wants data only.
        Alert::Null => Notification::None,
        _ if encrypted => Notification::None,
        Alert::Absent => Notification::Shown {
            title: extra.take("subject").or_else(|| extra.take("sitefullname")).unwrap_or(Cow::Borrowed("Notification")),
            body: extra.take("smallmessage").or_else(|| extra.take("fullmessage")).unwrap_or_default(),
        },
        given => notification(given, language)?,
    };
    let data = data(extra, &notification, encrypted);
    Ok(Message { data, notification, encrypted, platform: body.platform(), fcm: None, apns: None })
}

/// The data that the app reads, under the app's names.
fn data<'a>(extra: Extra<'a>, notification: &Notification<'_>, encrypted: bool) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let mut data: Vec<(Cow<str>, Cow<str>)> = Vec::with_capacity(extra.0.len() + 4);
    let mut put = |name: &'static str, value: Cow<'a, str>| data.push((Cow::Borrowed(name), value));
    put("notif", Cow::Borrowed(if is_yes(extra.get("notification")) { "1" } else { "0" }));
    if let Some(component) = extra.take("component") {
        put("moodlecomponent", component);
    }
    if let Some(url) = extra.take("wwwroot").or_else(|| extra.take("siteurl")) {
        put("siteurl", url);
    }
    put("encrypted", Cow::Borrowed(if encrypted { "1" } else { "0" }));
    let id = notification_id(&extra);
    if !id.is_empty() {
        put("notId", Cow::Owned(id));
    }
    let shows = !matches!(notification, Notification::None);
    data.extend(extra.0.into_iter().filter(|(name, value)| is_passed(name, value, shows)));
    data
}

/// Whether a member of `extra` goes to the phone under its own name.
fn is_passed(name: &str, value: &str, shows: bool) -> bool {
    let sealed_text = !shows && matches!(name, "smallmessage" | "fullmessage" | "fullmessagehtml");
    let beside_title = shows && matches!(name, "subject" | "title" | "body" | "message");
    let ours = matches!(name, "notif" | "moodlecomponent" | "siteurl" | "encrypted" | "notId");
    let refused = RESERVED.contains(&name) || name.starts_with("google") || name.starts_with("gcm") || name.is_empty();
    // The plugin unpacks these into keys of its own.
    let unpacked = matches!(name, "data" | "message") && value.starts_with('{');
    !(refused || ours || beside_title || unpacked || (NOT_PASSED.contains(&name) && !sealed_text))
}

/// Android's notification id, which must fit 31 bits: without one, each notification replaces the one before.
fn notification_id(extra: &Extra<'_>) -> String {
    let number = |name| extra.get(name).and_then(|text: &str| text.parse::<u64>().ok()).filter(|n| *n > 0);
    if let Some(id) = number("savedmessageid").or_else(|| number("id")) {
        // Zero is what a notification without an id has.
        return (id & 0x7fff_ffff).max(1).to_string();
    }
    let mut hasher = blake3::Hasher::new();
    let mut any = false;
    for name in ["site", "smallmessage", "timecreated", "date", "contexturl", "userfromid"] {
        if let Some(value) = extra.get(name) {
            any = true;
            hasher.update(value.as_bytes());
        }
    }
    if !any {
        return String::new();
    }
    let hash = hasher.finalize();
    let [a, b, c, d, ..] = *hash.as_bytes();
    (u32::from_le_bytes([a, b, c, d]) & 0x7fff_ffff).max(1).to_string()
}

/// The notification of a client that gave one.
fn notification<'a>(alert: &Alert<'a>, language: Option<&str>) -> Result<Notification<'a>, CantTranslate> {
    Ok(match alert {
        Alert::Null => Notification::None,
        // AirNotifier shows an absent alert as an empty notification; an empty one is better not shown at all.
        Alert::Absent => Notification::None,
        Alert::Text(text) => Notification::Shown { title: text.clone(), body: text.clone() },
        Alert::Map(map) => in_language(map, language)?,
    })
}

fn in_language(map: &str, language: Option<&str>) -> Result<Notification<'static>, CantTranslate> {
    let wrong = |e: serde_json::Error| CantTranslate::BadField { field: "alert", words: format!("alert can't be read: {e}") };
    let parts: serde_json::Map<String, serde_json::Value> = serde_json::from_str(map).map_err(wrong)?;
    let languages = !parts.is_empty() && parts.iter().all(|(key, value)| is_language(key) && (value.is_string() || value.is_object()));
    if !languages {
        return Ok(Notification::given(RawValue::from_string(map.to_owned()).map_err(wrong)?));
    }
    let of = |wanted: &str| parts.iter().find(|(key, _)| same_language(key, wanted)).map(|(_, value)| value);
    let chosen = language.and_then(|code| of(code).or_else(|| of(primary(code)))).or_else(|| of("en")).or_else(|| parts.values().next());
    Ok(match chosen {
        Some(serde_json::Value::String(text)) => Notification::Shown { title: text.clone().into(), body: text.clone().into() },
        Some(other) => Notification::given(serde_json::value::to_raw_value(other).map_err(wrong)?),
        None => Notification::None,
    })
}

/// The language of a code without its region: `es` of `es_mx`.
fn primary(code: &str) -> &str {
    code.split(['_', '-']).next().unwrap_or(code)
}

/// `en`, `es_mx`, `pt-BR`, `fil`: what names a language, and no part of a notification.
fn is_language(key: &str) -> bool {
    let first = primary(key);
    (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic()) && key.len() <= 12
}

fn same_language(a: &str, b: &str) -> bool {
    let plain = |byte: u8| if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() };
    a.bytes().map(plain).eq(b.bytes().map(plain))
}

/// The bytes of the keys and values in valid JSON, as text: what a gateway counts, however it was escaped.
fn text_bytes(json: &str) -> usize {
    let (mut count, mut in_text) = (0, false);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_text = !in_text,
            b'\\' => match bytes.next() {
                Some(b'u') => {
                    let unit = (0..4).filter_map(|_| bytes.next()).fold(0, |n, b| n * 16 + char::from(b).to_digit(16).unwrap_or(0));
                    count += match unit {
                        0..0x80 => 1,
                        // Half of a pair, which is four bytes together.
                        0x80..0x800 | 0xd800..0xe000 => 2,
                        _ => 3,
                    };
                }
                _ => count += 1,
            },
            b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' | b'\t' | b'\r' | b'\n' if !in_text => {}
            _ => count += 1,
        }
    }
    count
}

fn as_given<'a>(body: &Body<'a>, language: Option<&str>) -> Result<Message<'a>, CantTranslate> {
    Ok(Message {
        notification: notification(&body.alert, language)?,
        data: Vec::new(),
        encrypted: false,
        platform: body.platform(),
        fcm: body.fcm,
        apns: body.apns,
    })
}

impl Message<'_> {
    /// The bytes that the gateways count: names and values of notification and data in UTF-8 (`wire/gateways.md` 1.2).
    pub fn payload_bytes(&self) -> usize {
        let shown = match &self.notification {
            Notification::None => 0,
            Notification::Shown { title, body } if body.is_empty() => "title".len() + title.len(),
            Notification::Shown { title, body } => "titlebody".len() + title.len() + body.len(),
            Notification::Given { bytes, .. } => *bytes,
        };
        let data: usize = self.data.iter().map(|(name, value)| name.len() + value.len()).sum();
        let given = |raw: Option<&RawValue>| raw.map_or(0, |raw| text_bytes(raw.get()));
        shown + data + given(self.fcm) + given(self.apns)
    }

    /// A value of the data.
    pub fn data(&self, name: &str) -> Option<&str> {
        self.data.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// Drops what can be spared, then shortens the text; never touches what is sealed.
    fn fit(&mut self, limit: usize) -> Result<(), CantTranslate> {
        for name in DROPPED_FIRST {
            if self.payload_bytes() <= limit {
                return Ok(());
            }
            self.data.retain(|(known, _)| known != name || (self.encrypted && SEALED.contains(&name)));
        }
        if !self.encrypted {
            if self.payload_bytes() > limit {
                self.data.retain(|(known, _)| OPENS.contains(&known.as_ref()));
            }
            // Moodle cuts its text by itself, but not its subject: that may be what is too long.
            for part in [Part::Body, Part::Title] {
                let over = self.payload_bytes().saturating_sub(limit);
                if let (Notification::Shown { title, body }, true) = (&mut self.notification, over > 0) {
                    shorten((if part == Part::Body { body } else { title }).to_mut(), over);
                }
            }
        }
        match self.payload_bytes() {
            bytes if bytes > limit => Err(CantTranslate::TooLarge { bytes, limit }),
            _ => Ok(()),
        }
    }

    /// The body of a push to an AirNotifier: `alert`, `fcm` and no `extra`, so that its own hook changes nothing.
    pub fn airnotifier_json(&self, token: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.payload_bytes() + 512 + token.len());
        // Can't fail: text into memory, with names that are text.
        serde_json::to_writer(&mut out, &ForAirnotifier { message: self, token }).unwrap_or_default();
        out
    }
}

/// What of a notification may be shortened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Body,
    Title,
}

/// Cuts `over` bytes and the room for an ellipsis off the end, at a character's boundary.
fn shorten(text: &mut String, over: usize) {
    let Some(mut keep) = text.len().checked_sub(over + ELLIPSIS.len_utf8()) else { return text.clear() };
    while !text.is_char_boundary(keep) {
        keep -= 1;
    }
    text.truncate(keep);
    text.push(ELLIPSIS);
}

struct ForAirnotifier<'a> {
    message: &'a Message<'a>,
    token: &'a str,
}

#[derive(Serialize)]
struct Shown<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: &'a str,
}

impl Serialize for ForAirnotifier<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.message;
        let mut map = serializer.serialize_map(None)?;
        let to_apns = message.platform == Platform::Apns;
        map.serialize_entry("device", if to_apns { "ios" } else { "fcm" })?;
        map.serialize_entry("token", self.token)?;
        match &message.notification {
            Notification::None => map.serialize_entry("alert", &())?,
            Notification::Shown { title, body } => map.serialize_entry("alert", &Shown { title, body })?,
            Notification::Given { raw, .. } => map.serialize_entry("alert", raw)?,
        }
        match &message.fcm {
            Some(raw) => map.serialize_entry("fcm", raw)?,
            None if message.data.is_empty() || to_apns => {}
            None => map.serialize_entry("fcm", &Fcm(message))?,
        }
        match &message.apns {
            Some(raw) => map.serialize_entry("apns", raw)?,
            // AirNotifier takes a few members of this and sends no data to APNs (`wire/airnotifier-server.md` 4.1).
            None if to_apns => {
                let silent = matches!(message.notification, Notification::None);
                map.serialize_entry("apns", &constant::<S>(if silent { APNS_DIRECT_SILENT } else { APNS_DIRECT })?)?;
            }
            None => {}
        }
        map.end()
    }
}

struct Fcm<'a>(&'a Message<'a>);

impl Serialize for Fcm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("data", &Pairs(&self.0.data))?;
        // With `android.notification` FCM would show one even if there is none: `wire/moodle-app.md` 3.1 and 3.2.
        let silent = matches!(self.0.notification, Notification::None);
        let (android, apns) = if silent { (ANDROID_SILENT, APNS_SILENT) } else { (ANDROID, APNS) };
        map.serialize_entry("android", &constant::<S>(android)?)?;
        map.serialize_entry("apns", &constant::<S>(apns)?)?;
        map.end()
    }
}

const ANDROID: &str = r#"{"priority":"high","ttl":"86400s","notification":{"channel_id":"PushPluginChannel"}}"#;
const APNS: &str = r#"{"headers":{"apns-priority":"10","apns-push-type":"alert"},"payload":{"aps":{"sound":"default"}}}"#;
const ANDROID_SILENT: &str = r#"{"priority":"high","ttl":"86400s"}"#;
const APNS_SILENT: &str = r#"{"headers":{"apns-priority":"5","apns-push-type":"background"},"payload":{"aps":{"content-available":1}}}"#;

const APNS_DIRECT: &str = r#"{"push_type":"alert","sound":"default"}"#;
const APNS_DIRECT_SILENT: &str = r#"{"push_type":"background","content-available":1}"#;

fn constant<S: Serializer>(json: &'static str) -> Result<&'static RawValue, S::Error> {
    serde_json::from_str(json).map_err(serde::ser::Error::custom)
}

struct Pairs<'a>(&'a [(Cow<'a, str>, Cow<'a, str>)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[cfg(test)]
mod tests;
