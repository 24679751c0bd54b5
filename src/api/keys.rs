//! Access keys: listed, issued, rotated, revoked.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::auth::{self, Caller};
use super::body::{self, Members};
use super::key_shapes::{IssuedKey, KeyList, KeyView, NewKey, Predecessor, RotatedKey, RotationBody};
use super::list::{Page, Query, Wanted as Asked, is_name, one_more};
use super::once::Call;
use super::problem::Problem;
use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::devices::{self, AppName, By, DeviceToken, Enrolled, Enrolment};
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::{DeviceId, KeyId, SiteId};
use crate::keys::{self, KeyKind, KeyState, Overlap, Permissions, PlainKey, Rotated, Rotation, Taking, Wanted};
use crate::push::{Refusal, RefusalKind};
use crate::secret::Keyring;

/// What a device is taken for when nobody says.
const USUAL_PLATFORM: &str = "fcm";

/// List access keys
///
/// All of the site's keys, newest first; revoked and expired ones too.
#[utoipa::path(
    get, path = "/api/v1/keys", tag = "Access keys", operation_id = "list_keys",
    params(
        ("cursor" = Option<String>, Query, description = "`next` of the page before.", format = "uuid"),
        ("limit" = Option<u32>, Query, description = "How many there are on a page; 100 if it is not said.", minimum = 1, maximum = 500),
    ),
    responses((status = 200, description = "A page of the list.", body = KeyList)),
)]
pub async fn index(hub: Data<Hub>, req: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    let asked = Asked::<KeyId>::of(caller.site(), &Query::of(&req, &["cursor", "limit"])?)?;
    let (now, table) = (hub.clock.now(), &hub.hall.table);
    let found = hub.db.read(move |conn| keys::page(conn, asked.site, asked.cursor, one_more(asked.limit))).await?;
    let views = found.iter().map(|key| KeyView::new(key, now, table.last_used(key.id))).collect();
    Ok(Page::of(views, asked.limit, |key: &KeyView| key.id.to_string()).response())
}

/// Show an access key
///
/// A revoked key is not there any more.
#[utoipa::path(
    get, path = "/api/v1/keys/{key}", tag = "Access keys", operation_id = "show_key",
    params(("key" = String, Path, description = "The key's `id`.", format = "uuid")),
    responses((status = 200, description = "The key.", body = KeyView)),
)]
pub async fn show(hub: Data<Hub>, req: HttpRequest, key: Path<String>) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    Query::of(&req, &[])?;
    let (site, id, now): (_, KeyId, _) = (caller.site(), body::id(&key)?, hub.clock.now());
    let found = hub.db.read(move |conn| keys::find(conn, site, id)).await?;
    let found = found.filter(|key| key.state(now) != KeyState::Revoked).ok_or(Error::NotFound)?;
    Ok(HttpResponse::Ok().json(KeyView::new(&found, now, hub.hall.table.last_used(id))))
}

/// What `POST /api/v1/keys` asks for.
#[derive(Clone)]
struct Issue {
    kind: KeyKind,
    device: Option<Phone>,
}

/// The device that a key is for.
#[derive(Clone)]
struct Phone {
    token: DeviceToken,
    platform: Option<String>,
    app: Option<AppName>,
}

impl Issue {
    fn parse(body: &[u8]) -> Result<Self, Problem> {
        let members = Members::read(body, &["kind", "device_token", "platform"])?;
        let kind = members.text("kind")?.and_then(|word| word.parse::<KeyKind>().ok());
        let kind = kind.ok_or_else(|| Problem::field("kind", "site, devices or device is expected"))?;
        let (token, platform) = (members.text("device_token")?, members.text("platform")?);
        if kind != KeyKind::Device {
            let given = [("device_token", token), ("platform", platform)].into_iter().find(|(_, text)| text.is_some());
            return match given {
                None => Ok(Self { kind, device: None }),
                Some((field, _)) => Err(Problem::field(field, "only a key of one device has a device")),
            };
        }
        let token = token.ok_or_else(|| Problem::field("device_token", "a key of one device needs its token"))?;
        let token = DeviceToken::parse(token).map_err(|words| Problem::field("device_token", words))?;
        if let Some(platform) = platform {
            if !is_name(platform) {
                return Err(Problem::field("platform", "1 to 64 letters, digits, dots, hyphens and underscores"));
            }
            let is_apns = token.expose().len() == 64 && token.expose().bytes().all(|b| b.is_ascii_hexdigit());
            if platform.eq_ignore_ascii_case("ios") && !is_apns {
                return Err(Problem::field("device_token", "an iOS device token is 64 hexadecimal digits"));
            }
        }
        let platform = platform.map(str::to_ascii_lowercase);
        Ok(Self { kind, device: Some(Phone { token, platform, app: None }) })
    }
}

/// Issue an access key
///
/// The answer has the key itself, once. A key of one device enrols its token, if the site does not have it yet, and is good
/// for that token alone; it goes with the device. `X-AN-APP-NAME` says which app the device is of, where there are several.
#[utoipa::path(
    post, path = "/api/v1/keys", tag = "Access keys", operation_id = "issue_key",
    request_body(
        content = NewKey, description = "What is wanted.", content_type = "application/json",
        example = json!({"kind": "device", "device_token": "dXJ0:APA91bHPRgkF3JUikC4EN", "platform": "Android-fcm"})
    ),
    responses((status = 201, description = "The new key.", body = IssuedKey)),
)]
pub async fn issue(hub: Data<Hub>, req: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let (caller, body) = auth::enter_with_body(&hub, &req, payload, hub.limits().body_bytes).await?;
    Query::of(&req, &[])?;
    let app = auth::named_app(&req)?.filter(|app| hub.hall.apps.contains_key(app.as_str()));
    let mut wanted = Issue::parse(&body)?;
    covers(&caller, Permissions::of(wanted.kind))?;
    if let Some(phone) = &mut wanted.device {
        phone.app = app;
        caller.grant.site().take(Taking::Enrol, &hub.clock).map_err(Error::Limited)?;
    }
    let issuing = Issuing::new(&hub, &caller);
    let call = Call { hub: &hub, req: &req, caller: &caller, body: &body };
    call.write(move |tx| {
        tx.alone()?;
        let device = wanted.device.as_ref().map(|phone| issuing.enrolled(tx, phone)).transpose()?;
        let Issuing { ring, now, site, note, .. } = &issuing;
        let wanted = Wanted { kind: wanted.kind, permissions: Permissions::of(wanted.kind), device, note };
        let (id, key) = keys::issue(tx, ring, *now, Actor::Hub, *site, wanted)?;
        body::answer(201, &IssuedKey { view: view(tx, *site, id, *now)?, key: plain(&key) })
    })
    .await
}

/// A key never gets its holder one that may more than itself.
fn covers(caller: &Caller, wanted: Permissions) -> Result<(), Problem> {
    if caller.grant.permissions().may(wanted) {
        return Ok(());
    }
    let words = "The access key may do less than the one that is asked for: use another one of the site's.";
    Err(Problem::new(StatusCode::FORBIDDEN, "may_not_issue", "No permission to issue this key", words))
}

/// What a key is issued with.
struct Issuing {
    ring: Keyring,
    now: Timestamp,
    site: SiteId,
    note: String,
    main_app: Option<AppName>,
    /// How many devices the site may have, on trial.
    most: Option<u64>,
}

impl Issuing {
    fn new(hub: &Hub, caller: &Caller) -> Self {
        Self {
            ring: hub.ring.clone(),
            now: hub.clock.now(),
            site: caller.site(),
            note: caller.note(),
            main_app: auth::main_app(hub),
            most: hub.hall.table.grants().most_devices(caller.grant.site().state().trial),
        }
    }

    /// The device with a token: enrolled, whether it was before or not. What is not said of it stays as it was.
    fn enrolled(&self, tx: &mut Tx, phone: &Phone) -> Result<DeviceId, Problem> {
        let before = match devices::id_of(tx.conn(), self.site, phone.token.hash(&self.ring))? {
            Some(id) => devices::find(tx.conn(), self.site, id)?,
            None => None,
        };
        let known_app = before.as_ref().and_then(|device| AppName::parse(&device.app));
        let (platform, channel) = before.map(|device| (device.platform, device.channel)).unzip();
        let app = phone.app.clone().or(known_app).or_else(|| self.main_app.clone());
        let enrolment = Enrolment {
            site: self.site,
            token: phone.token.clone(),
            platform: phone.platform.clone().or(platform).unwrap_or_else(|| USUAL_PLATFORM.to_owned()),
            app: app.ok_or_else(|| Refusal::from(RefusalKind::UnknownApp))?,
            channel: channel.unwrap_or_else(|| "default".to_owned()),
            language: None,
            by: By::Site,
        };
        match devices::enrol(tx, &self.ring, self.now, &enrolment, self.most)? {
            Enrolled::New(id) | Enrolled::Known(id) => Ok(id),
            Enrolled::TrialFull => Err(Refusal::from(RefusalKind::TrialFull).into()),
        }
    }
}

fn view(tx: &mut Tx, site: SiteId, id: KeyId, now: Timestamp) -> Result<KeyView, Problem> {
    let key = keys::find(tx.conn(), site, id)?.ok_or(Error::NotFound)?;
    Ok(KeyView::new(&key, now, None))
}

/// For the one answer that tells it.
fn plain(key: &PlainKey) -> String {
    key.expose_secret().to_owned()
}

/// The overlap that a rotation asks for, if it does.
fn overlap(body: &[u8]) -> Result<Option<Duration>, Problem> {
    let members = Members::read_if_any(body, &["overlap"])?;
    // JSON knows no integers: 3600.0 is one.
    let whole = |number: &f64| (0.0..1e12).contains(number) && number.fract() == 0.0;
    let seconds = |number: &Value| match number.as_u64() {
        Some(seconds) => Some(seconds.to_string()),
        None => number.as_f64().filter(whole).map(|seconds| format!("{seconds:.0}")),
    };
    let text = match members.get("overlap") {
        None => return Ok(None),
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => seconds(other),
    };
    let overlap = text.ok_or_else(|| "whole seconds, or a text such as 7d, are expected".to_owned()).and_then(|text| Overlap::parse(&text));
    Ok(Some(overlap.map_err(|words| Problem::field("overlap", words))?.0))
}

/// Rotate an access key
///
/// Issues its successor at once; the answer has the key itself, once. The predecessor goes on working for the overlap, so that
/// there is time to put the new key into its place. A key is rotated once: then its successor is.
#[utoipa::path(
    post, path = "/api/v1/keys/{key}/rotate", tag = "Access keys", operation_id = "rotate_key",
    params(("key" = String, Path, description = "The key's `id`.", format = "uuid")),
    request_body(
        content = Option<RotationBody>, description = "For how long the predecessor works; the hub's usual time if it is not said.",
        content_type = "application/json", example = json!({"overlap": "7d"})
    ),
    responses((status = 201, description = "The successor.", body = RotatedKey)),
)]
pub async fn rotate(hub: Data<Hub>, req: HttpRequest, key: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let (caller, body) = auth::enter_with_body(&hub, &req, payload, hub.limits().body_bytes).await?;
    Query::of(&req, &[])?;
    let id: KeyId = body::id(&key)?;
    let overlap = overlap(&body)?.unwrap_or(hub.rotation_overlap);
    let (ring, now, site, note) = (hub.ring.clone(), hub.clock.now(), caller.site(), caller.note());
    let old = hub.db.read(move |conn| keys::find(conn, site, id)).await?.ok_or(Error::NotFound)?;
    covers(&caller, Permissions::from_stored(old.permissions))?;
    let shared = hub.clone();
    let call = Call { hub: &hub, req: &req, caller: &caller, body: &body };
    call.write(move |tx| {
        // Not for a repetition, which is answered before.
        shared.doors.rotations.take(&site).map_err(Error::Limited)?;
        let rotation = Rotation { key: id, overlap, note: &note };
        let Rotated { id: successor, key, predecessor_ends_at } = keys::rotate(tx, &ring, now, Actor::Hub, site, &rotation)?;
        let predecessor = Predecessor { id, expires_at: predecessor_ends_at.rfc3339() };
        body::answer(201, &RotatedKey { view: view(tx, site, successor, now)?, key: plain(&key), predecessor })
    })
    .await
}

/// Revoke an access key
///
/// Within a second it is refused everywhere. The key that this is asked with can be revoked too.
#[utoipa::path(
    delete, path = "/api/v1/keys/{key}", tag = "Access keys", operation_id = "revoke_key",
    params(("key" = String, Path, description = "The key's `id`.", format = "uuid")),
    responses((status = 204, description = "It is revoked.")),
)]
pub async fn revoke(hub: Data<Hub>, req: HttpRequest, key: Path<String>) -> Result<HttpResponse, Problem> {
    let caller = auth::enter(&hub, &req)?;
    Query::of(&req, &[])?;
    let (site, id, now): (_, KeyId, _) = (caller.site(), body::id(&key)?, hub.clock.now());
    let target = hub.db.read(move |conn| keys::find(conn, site, id)).await?.ok_or(Error::NotFound)?;
    if id != caller.grant.key() {
        covers(&caller, Permissions::from_stored(target.permissions))?;
    }
    let why = caller.note().trim_start_matches(", ").to_owned();
    hub.db.write(move |tx| keys::revoke(tx, now, Actor::Hub, site, id, &why)).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_text_or_seconds_up_to_ninety_days() {
        let day = Duration::from_secs(86_400);
        let rows = [
            ("", None),
            ("null", None),
            ("{}", None),
            (r#"{"overlap": "7d"}"#, Some(day * 7)),
            (r#"{"overlap": 0}"#, Some(Duration::ZERO)),
            (r#"{"overlap": 7776000}"#, Some(day * 90)),
        ];
        for (body, wanted) in rows {
            assert_eq!(overlap(body.as_bytes()).unwrap(), wanted, "{body}");
        }
        for bad in ["[]", "{", r#"{"overlap": -1}"#, r#"{"overlap": null}"#, r#"{"overlap": "91d"}"#, r#"{"overlap": 1.5}"#, r#"{"x": 1}"#]
        {
            assert!(overlap(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
