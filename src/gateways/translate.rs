//! What Moodle says → what the Moodle app reads (`wire/moodle-app.md` 3), in a form that every gateway can send.

mod airnotifier;
mod extra;

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::decode::{Alert, Body, Platform};
use extra::Extra;

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

#[cfg(test)]
mod tests;
