//! A message as an AirNotifier takes it (`wire/airnotifier-server.md` 10).

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Message, Notification};
use crate::gateways::decode::Platform;

impl Message<'_> {
    /// The body of a push to an AirNotifier: `alert`, `fcm` and no `extra`, so that its own hook changes nothing.
    pub fn airnotifier_json(&self, token: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.payload_bytes() + 512 + token.len());
        // Can't fail: text into memory, with names that are text.
        serde_json::to_writer(&mut out, &ForAirnotifier { message: self, token }).unwrap_or_default();
        out
    }
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
