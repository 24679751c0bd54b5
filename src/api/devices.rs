//! Devices, as the site that has enrolled them sees them: matched by a hash of their token, which is never shown.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::auth;
use super::body::{self, Members};
use super::list::{Page, Query, Wanted, is_name, one_more};
use super::problem::Problem;
use crate::clock::Timestamp;
use crate::db::Fault;
use crate::devices::{self, DeviceChange, DeviceLanguage, DeviceName, DeviceState, Filter, Sealed};
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::DeviceId;
use crate::keys::Permissions;
use crate::secret::Keyring;

/// The longest name of a device, in characters.
const NAME_CHARS: usize = 60;

/// Where a device is in its life. `unconfirmed`: it enrolled itself, and the site has not pushed to it yet. `unregistered`: the
/// gateway said that the app is gone from it, or has another token now.
#[derive(ToSchema)]
#[schema(as = DeviceState, rename_all = "lowercase")]
pub enum DeviceStateName {
    Enrolled,
    Unconfirmed,
    Unregistered,
}

/// A device of the site.
#[derive(Serialize, ToSchema)]
#[schema(as = Device)]
pub struct DeviceView {
    #[schema(value_type = String, format = "uuid")]
    pub id: DeviceId,
    /// The end of its token.
    pub token_hint: String,
    /// The SHA-256 of its token in lower-case hexadecimal digits, to find it among the site's own. Null where the hub can't open
    /// the token any more.
    #[schema(required = true, pattern = "^[0-9a-f]{64}$")]
    pub token_sha256: Option<String>,
    #[schema(required = true)]
    pub name: Option<String>,
    pub platform: String,
    pub app: String,
    pub channel: String,
    #[schema(required = true)]
    pub language: Option<String>,
    #[schema(value_type = DeviceStateName)]
    pub state: String,
    #[schema(format = "date-time")]
    pub created_at: String,
    #[schema(format = "date-time")]
    pub last_seen_at: String,
    #[schema(format = "date-time", required = true)]
    pub unregistered_at: Option<String>,
}

impl DeviceView {
    fn new(sealed: &Sealed, ring: &Keyring) -> Self {
        let device = &sealed.device;
        Self {
            id: device.id,
            token_hint: device.hint.clone(),
            token_sha256: sealed.token(ring).map(|token| sha256_hex(token.expose().as_bytes())),
            name: device.name.clone(),
            platform: device.platform.clone(),
            app: device.app.clone(),
            channel: device.channel.clone(),
            language: device.language.clone(),
            state: device.state().as_str().to_owned(),
            created_at: device.created_at.rfc3339(),
            last_seen_at: device.seen_at.rfc3339(),
            unregistered_at: device.unregistered_at.map(Timestamp::rfc3339),
        }
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Devices, in the order in which they were enrolled.
#[derive(Serialize, ToSchema)]
pub struct DeviceList {
    pub items: Vec<DeviceView>,
    /// `cursor` of the next page; null on the last one.
    #[schema(required = true)]
    pub next: Option<String>,
}

/// What a site says of a device. What is not there stays as it was; null takes it away.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DevicePatch {
    #[schema(max_length = 60, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub name: Option<String>,
    /// As in `es`, `es_mx` or `pt-BR`.
    #[schema(max_length = 20, pattern = "^[A-Za-z]{2,3}([_-][A-Za-z0-9]{1,8})*$")]
    pub language: Option<String>,
}

async fn listed(hub: &Hub, asked: Wanted<DeviceId>, filter: Filter) -> Result<HttpResponse, Problem> {
    let ring = hub.ring.clone();
    let read = hub.db.read(move |conn| {
        let found = devices::sealed_after(conn, asked.site, &filter, asked.cursor, one_more(asked.limit))?;
        Ok::<Vec<DeviceView>, Fault>(found.iter().map(|sealed| DeviceView::new(sealed, &ring)).collect())
    });
    Ok(Page::of(read.await?, asked.limit, |device: &DeviceView| device.id.to_string()).response())
}

/// List devices
///
/// The site's devices, in the order in which they were enrolled.
#[utoipa::path(
    get, path = "/api/v1/devices", tag = "Devices", operation_id = "list_devices",
    params(
        (
            "state" = Option<String>, Query, description = "Only those in this state: enrolled, unconfirmed or unregistered.",
            pattern = "^(enrolled|unconfirmed|unregistered)$"
        ),
        (
            "platform" = Option<String>, Query, description = "Only those of this platform, as in `Android-fcm`.",
            min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$"
        ),
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", format = "uuid"),
        ("limit" = Option<u32>, Query, description = "How many there are on a page; 100 if it is not said.", minimum = 1, maximum = 500),
    ),
    responses((status = 200, description = "A page of the list.", body = DeviceList)),
)]
pub async fn index(hub: Data<Hub>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    let query = Query::of(&req, &["state", "platform", "cursor", "limit"])?;
    let state: Option<DeviceState> = query.parsed("state", "enrolled, unconfirmed or unregistered is expected")?;
    let platform = query.get("platform").map(str::to_owned);
    if platform.as_deref().is_some_and(|name| !is_name(name)) {
        return Err(Problem::field("platform", "1 to 64 letters, digits, dots, hyphens and underscores"));
    }
    listed(&hub, Wanted::of(caller.site(), &query)?, Filter { state, platform, ..Filter::default() }).await
}

/// List unregistered devices
///
/// Those that a gateway said are gone: the app was removed from the phone, or has another token now. The site forgets them, and
/// asks again with the time of this request as `since`.
#[utoipa::path(
    get, path = "/api/v1/devices/unregistered", tag = "Devices", operation_id = "list_unregistered_devices",
    params(
        ("since" = Option<String>, Query, description = "Only those that are gone since then (RFC 3339).", format = "date-time"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", format = "uuid"),
        ("limit" = Option<u32>, Query, description = "How many there are on a page; 100 if it is not said.", minimum = 1, maximum = 500),
    ),
    responses((status = 200, description = "A page of the list.", body = DeviceList)),
)]
pub async fn unregistered(hub: Data<Hub>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    let query = Query::of(&req, &["since", "cursor", "limit"])?;
    let since: Option<Timestamp> = query.parsed("since", "a time as in 2026-01-31T12:00:00Z is expected")?;
    let filter = Filter { state: Some(DeviceState::Unregistered), unregistered_since: since, ..Filter::default() };
    listed(&hub, Wanted::of(caller.site(), &query)?, filter).await
}

/// Show a device
#[utoipa::path(
    get, path = "/api/v1/devices/{device}", tag = "Devices", operation_id = "show_device",
    params(("device" = String, Path, description = "The device's `id`.", format = "uuid")),
    responses((status = 200, description = "The device.", body = DeviceView)),
)]
pub async fn show(hub: Data<Hub>, req: HttpRequest, device: Path<String>) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    Query::of(&req, &[])?;
    let (site, id): (_, DeviceId) = (caller.site(), body::id(&device)?);
    let found = hub.db.read(move |conn| devices::find_sealed(conn, site, id)).await?.ok_or(Error::NotFound)?;
    Ok(HttpResponse::Ok().json(DeviceView::new(&found, &hub.ring)))
}

/// What `PATCH` asks for; `None`: as it was.
#[derive(Clone)]
struct Change {
    name: Option<DeviceName>,
    language: Option<Option<DeviceLanguage>>,
}

impl Change {
    fn parse(body: &[u8]) -> Result<Self, Problem> {
        let members = Members::read(body, &["name", "language"])?;
        let name = members.text_or_null("name")?.map(|name| {
            let name = name.unwrap_or_default();
            if name.chars().count() > NAME_CHARS {
                return Err(Problem::field("name", format!("use at most {NAME_CHARS} characters")));
            }
            // Before it is trimmed: a line's end is no part of a name either.
            if name.chars().any(char::is_control) {
                return Err(Problem::field("name", "use one line of plain text"));
            }
            DeviceName::parse(name).map_err(|words| Problem::field("name", words))
        });
        let language = members.text_or_null("language")?.map(|language| {
            let language = language.map(DeviceLanguage::parse).transpose();
            language.map_err(|words| Problem::field("language", words))
        });
        Ok(Self { name: name.transpose()?, language: language.transpose()? })
    }
}

/// Change a device
///
/// Its name in the site's lists, and the language that it is told things in.
#[utoipa::path(
    patch, path = "/api/v1/devices/{device}", tag = "Devices", operation_id = "change_device",
    params(("device" = String, Path, description = "The device's `id`.", format = "uuid")),
    request_body(
        content = DevicePatch, description = "What is to change.", content_type = "application/json",
        example = json!({"name": "Ada's phone", "language": "es"})
    ),
    responses((status = 200, description = "The device as it is now.", body = DeviceView)),
)]
pub async fn change(hub: Data<Hub>, req: HttpRequest, device: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let (caller, body) = auth::enter_with_body(&hub, &req, payload, hub.limits().body_bytes).await?;
    Query::of(&req, &[])?;
    let (site, id, now): (_, DeviceId, _) = (caller.site(), body::id(&device)?, hub.clock.now());
    caller.needs(Permissions::CREATE_TOKEN)?;
    let asked = Change::parse(&body)?;
    let written = hub.db.write(move |tx| {
        let before = devices::find(tx.conn(), site, id)?.ok_or(Error::NotFound)?;
        let kept_name = || DeviceName::parse(before.name.as_deref().unwrap_or_default()).map_err(Fault::Unreadable);
        let kept_language = || before.language.as_deref().map(DeviceLanguage::parse).transpose().map_err(Fault::Unreadable);
        let change = DeviceChange {
            name: asked.name.clone().map_or_else(kept_name, Ok)?,
            language: asked.language.clone().map_or_else(kept_language, Ok)?,
        };
        devices::change(tx, now, site, id, &change)?;
        Ok::<Sealed, Problem>(devices::find_sealed(tx.conn(), site, id)?.ok_or(Error::NotFound)?)
    });
    Ok(HttpResponse::Ok().json(DeviceView::new(&written.await?, &hub.ring)))
}

/// Forget a device
///
/// The site can't push to it any more, and its own access keys are revoked. If its app enrols it again, it is a new one.
#[utoipa::path(
    delete, path = "/api/v1/devices/{device}", tag = "Devices", operation_id = "forget_device",
    params(("device" = String, Path, description = "The device's `id`.", format = "uuid")),
    responses((status = 204, description = "It is forgotten.")),
)]
pub async fn forget(hub: Data<Hub>, req: HttpRequest, device: Path<String>) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    Query::of(&req, &[])?;
    let (site, id, now): (_, DeviceId, _) = (caller.site(), body::id(&device)?, hub.clock.now());
    caller.needs(Permissions::DELETE_TOKEN)?;
    let known = hub.db.write(move |tx| devices::delete_by_id(tx, now, site, id)).await?;
    if known { Ok(HttpResponse::NoContent().finish()) } else { Err(Error::NotFound.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_tells_what_stays_from_what_goes() {
        let change = Change::parse(br#"{"name": null}"#).unwrap();
        assert!(change.name.is_some_and(|name| name.as_deref().is_none()) && change.language.is_none());
        let change = Change::parse(br#"{"language": "pt-BR"}"#).unwrap();
        assert!(change.name.is_none());
        assert_eq!(change.language.flatten().map(|language| language.as_str().to_owned()), Some("pt_br".to_owned()));
        for bad in [r#"{"name": 1}"#, r#"{"name": "a\u0000"}"#, r#"{"language": "x"}"#, r#"{"token": "t"}"#, "[]"] {
            assert!(Change::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tokens_hash_is_the_standards() {
        // FIPS 180-4, the example of one block.
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
