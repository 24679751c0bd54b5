//! Access keys as JSON shows them and asks for them.

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::clock::Timestamp;
use crate::ids::{DeviceId, KeyId};
use crate::keys::AccessKey;

/// What a key is for: `site`: the site's own calls. `devices`: one key that the site hands to all its devices, so that they
/// enrol themselves. `device`: the same for one device alone.
#[derive(ToSchema)]
#[schema(as = KeyKind, rename_all = "lowercase")]
pub enum KindName {
    Site,
    Devices,
    Device,
}

/// Whether a key works. `ending`: it was rotated, and works until `expires_at`.
#[derive(ToSchema)]
#[schema(as = KeyState, rename_all = "lowercase")]
pub enum KeyStateName {
    Working,
    Ending,
    Expired,
    Revoked,
}

/// An access key. The key itself is told once, when it is issued.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyView {
    #[schema(value_type = String, format = "uuid")]
    pub id: KeyId,
    #[schema(value_type = KindName)]
    pub kind: String,
    /// What the key begins with.
    pub prefix: String,
    #[schema(value_type = KeyStateName)]
    pub state: String,
    #[schema(format = "date-time")]
    pub created_at: String,
    #[schema(format = "date-time", required = true)]
    pub last_used_at: Option<String>,
    #[schema(format = "date-time", required = true)]
    pub expires_at: Option<String>,
    /// How often it was used; counted once a minute.
    pub use_count: i64,
    /// The network around the address that it was last used from.
    #[schema(required = true)]
    pub last_network: Option<String>,
    /// Whose it is, for a key of one device.
    #[schema(value_type = Option<String>, format = "uuid", required = true)]
    pub device_id: Option<DeviceId>,
}

impl KeyView {
    pub(super) fn new(key: &AccessKey, now: Timestamp, used: Option<Timestamp>) -> Self {
        Self {
            id: key.id,
            kind: key.kind.as_str().to_owned(),
            prefix: key.prefix.clone(),
            state: key.state(now).as_str().to_owned(),
            created_at: key.created_at.rfc3339(),
            last_used_at: key.last_used_at.max(used).map(Timestamp::rfc3339),
            expires_at: key.expires_at.map(Timestamp::rfc3339),
            use_count: key.use_count,
            last_network: key.last_network.clone(),
            device_id: key.device_id,
        }
    }
}

/// The key that a rotated one takes the place of.
#[derive(Serialize, ToSchema)]
pub struct Predecessor {
    #[schema(value_type = String, format = "uuid")]
    pub id: KeyId,
    /// Until then it works too.
    #[schema(format = "date-time")]
    pub expires_at: String,
}

/// A new access key, with the key itself: it is told this once.
#[derive(Serialize, ToSchema)]
pub struct IssuedKey {
    #[serde(flatten)]
    pub view: KeyView,
    /// The key, for `X-AN-APP-KEY`.
    pub key: String,
}

/// The key that takes the place of another one, with the key itself: it is told this once.
#[derive(Serialize, ToSchema)]
pub struct RotatedKey {
    #[serde(flatten)]
    pub view: KeyView,
    /// The key, for `X-AN-APP-KEY`.
    pub key: String,
    pub predecessor: Predecessor,
}

/// Access keys, newest first.
#[derive(Serialize, ToSchema)]
pub struct KeyList {
    pub items: Vec<KeyView>,
    /// `cursor` of the next page; null on the last one.
    #[schema(required = true)]
    pub next: Option<String>,
}

/// The kinds of key that are not one device's.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum SharedKind {
    Site,
    Devices,
}

/// The kind of key that is one device's.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum DeviceKind {
    Device,
}

/// A key of the site, or for all its devices.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSharedKey {
    pub kind: SharedKind,
}

/// A key of one device, which is enrolled with it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeviceKey {
    pub kind: DeviceKind,
    /// What FCM or APNs gave the phone.
    #[schema(min_length = 1, max_length = 4096, pattern = "^[!-~]+$")]
    pub device_token: String,
    /// `fcm` if it is not said, unless the device is known already.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$", required = false)]
    pub platform: String,
}

/// A key that is wanted.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum NewKey {
    Shared(NewSharedKey),
    Device(NewDeviceKey),
}

/// For how long a rotated key goes on working.
pub struct OverlapText;

impl PartialSchema for OverlapText {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^([0-6]?[0-9]{1,6}s?|7776000s?|[0-9]{1,5}m|[0-9]{1,3}h|([1-8]?[0-9]|90)d)$"));
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_u32)).maximum(Some(7_776_000_u32));
        let words = "A number with s, m, h or d, or whole seconds; at most 90 days.";
        OneOfBuilder::new().item(text).item(seconds).description(Some(words)).into()
    }
}

impl ToSchema for OverlapText {}

/// How a key is rotated.
#[derive(ToSchema)]
#[schema(as = Rotation)]
#[serde(deny_unknown_fields)]
pub struct RotationBody {
    #[schema(required = false)]
    pub overlap: OverlapText,
}
