//! Decides and hands over, in the order of design.md section 6. Nothing here reads or writes HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::count::Tally;
use super::refusal::{Refusal, RefusalKind};
use crate::clock::Clock;
use crate::db::{Db, Fault};
use crate::devices::{self, AppName, By, Cached, DeviceToken, Enrolled, Enrolment, Gone, Lookup, TokenHash};
use crate::gateways::decode::{self, Body};
use crate::gateways::translate::{self, CantTranslate};
use crate::gateways::{BUDGET, Connections, Gateways, Message, Trouble, Verdict};
use crate::keys::{Grant, KeyKind, KeyRefusal, Permissions, Table};
use crate::secret::Keyring;
use crate::settings::{Binding, GatewayName};
use crate::sites::PushOff;

/// What pushes and enrolments need of the hub, shared by all workers.
pub struct Hall {
    pub clock: Clock,
    pub db: Db,
    pub ring: Keyring,
    pub table: Arc<Table>,
    pub lookup: Arc<Lookup>,
    pub gateways: Gateways,
    /// Each app that is served, with its gateway.
    pub apps: BTreeMap<String, GatewayName>,
    pub binding: Binding,
    /// The most that goes out to a gateway, in bytes.
    pub payload_bytes: usize,
    /// How many devices a site on trial may have.
    pub trial_devices: u64,
}

/// The two headers of the keyed API, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    pub app: Option<&'a str>,
    pub key: Option<&'a str>,
}

/// Pushes one message, or says why not. `tally` is this worker's own.
///
/// # Errors
/// The first check that failed.
pub async fn push(hall: &Hall, connections: &Connections, tally: &Tally, request: Request<'_>, body: &[u8]) -> Result<(), Refusal> {
    let grant = granted(hall, request)?;
    let mut seen = Seen { app: request.app.unwrap_or_default(), hint: String::new() };
    let done = push_granted(hall, connections, &grant, body, &mut seen).await;
    let code = done.as_ref().map_or_else(|refusal| refusal.kind.row().code, |()| "delivered");
    tally.note(grant.site().id, hall.clock.now(), code, seen.app, seen.hint, body.len());
    done
}

/// What the site's page says of a push: never what is in it.
struct Seen<'a> {
    app: &'a str,
    hint: String,
}

async fn push_granted(hall: &Hall, connections: &Connections, grant: &Grant, body: &[u8], seen: &mut Seen<'_>) -> Result<(), Refusal> {
    let gateway = admitted(hall, grant, seen.app, Permissions::SEND_NOTIFICATION, RefusalKind::MayNotSend)?;
    within_rate(hall, grant)?;
    let body = decode::decode(body).map_err(|bad| Refusal::of_field(RefusalKind::BadBody, bad.field, bad.words))?;
    let token = DeviceToken::parse(&body.token).map_err(|words| Refusal::of_field(RefusalKind::BadBody, "token", words))?;
    seen.hint = token.hint();
    let message = translated(&body, hall.payload_bytes)?;
    let device = device(hall, grant, &body, &token, seen.app).await?;
    if let Some(gone) = device.gone() {
        return Err(Refusal::gone(gone));
    }
    device.flood.take().map_err(|standing| Refusal::limited(RefusalKind::Flood, standing))?;
    deliver(hall, connections, gateway, seen.app, &device, &token, &message).await
}

/// Rows 1 and 2: the headers are there, and the key is good.
fn granted(hall: &Hall, request: Request<'_>) -> Result<Grant, Refusal> {
    if request.app.is_none_or(str::is_empty) {
        return Err(RefusalKind::NoAppName.into());
    }
    let key = request.key.ok_or(RefusalKind::NoAppKey)?;
    hall.table.grant(key, hall.clock.now()).map_err(|refused| {
        Refusal::from(match refused {
            KeyRefusal::Malformed => RefusalKind::MalformedKey,
            KeyRefusal::Unknown => RefusalKind::UnknownKey,
            KeyRefusal::Expired => RefusalKind::ExpiredKey,
            KeyRefusal::Revoked => RefusalKind::RevokedKey,
        })
    })
}

/// Rows 3 to 5: the site may push, the key may do this, the app is served.
fn admitted(hall: &Hall, grant: &Grant, app: &str, needed: Permissions, or_else: RefusalKind) -> Result<GatewayName, Refusal> {
    may_push(grant)?;
    if !grant.permissions().may(needed) {
        return Err(or_else.into());
    }
    hall.apps.get(app).copied().ok_or_else(|| RefusalKind::UnknownApp.into())
}

fn may_push(grant: &Grant) -> Result<(), Refusal> {
    match grant.site().state().push_off {
        None => Ok(()),
        Some(PushOff::Suspended) => Err(RefusalKind::SiteSuspended.into()),
        Some(PushOff::Unverified) => Err(RefusalKind::SiteUnverified.into()),
        Some(PushOff::OverUserLimit) => Err(RefusalKind::OverUserLimit.into()),
        Some(PushOff::OptedOut | PushOff::Staff) => Err(RefusalKind::PushDisabled.into()),
    }
}

/// Row 6: the site's rate and its daily quota.
fn within_rate(hall: &Hall, grant: &Grant) -> Result<(), Refusal> {
    let (site, grants) = (grant.site(), hall.table.grants());
    let limiter = site.push_limiter(grants, &hall.clock);
    limiter.take().map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))?;
    let quota = site.daily_quota(grants);
    site.pushed_today.take(hall.clock.now(), "day", quota).map_err(|standing| Refusal::limited(RefusalKind::OverQuota, standing))
}

/// Row 7, what goes out.
fn translated(body: &Body<'_>, limit: usize) -> Result<Message, Refusal> {
    translate::translate(body, limit, None).map_err(|cant| match cant {
        CantTranslate::UnknownProcessor(name) => {
            Refusal::of_field(RefusalKind::BadBody, "extra.processor", format!("{name:?} is no known processor"))
        }
        CantTranslate::TooLarge { bytes, limit } => {
            Refusal::of_field(RefusalKind::PayloadTooLarge, "extra", format!("{bytes} bytes would go out, at most {limit} may"))
        }
        CantTranslate::BadField { field, words } => Refusal::of_field(RefusalKind::BadBody, field, words),
    })
}

/// Row 8: the device is this site's, or becomes it.
async fn device(hall: &Hall, grant: &Grant, body: &Body<'_>, token: &DeviceToken, app: &str) -> Result<Arc<Cached>, Refusal> {
    let key = (grant.site().id, TokenHash::of(&hall.ring, token.expose()));
    if let Some(known) = hall.lookup.find(key).await.map_err(busy)? {
        return Ok(known);
    }
    if hall.binding == Binding::Strict || !grant.permissions().may(Permissions::CREATE_TOKEN) {
        return Err(RefusalKind::UnknownDevice.into());
    }
    enrol_now(hall, grant, token.clone(), &body.device, app, "default", By::Site).await?;
    hall.lookup.find(key).await.map_err(busy)?.ok_or_else(|| Refusal::later(RefusalKind::Busy, BUDGET))
}

/// Row 10.
async fn deliver(
    hall: &Hall,
    connections: &Connections,
    gateway: GatewayName,
    app: &str,
    device: &Cached,
    token: &DeviceToken,
    message: &Message,
) -> Result<(), Refusal> {
    let (id, now) = (device.id, hall.clock.now());
    match hall.gateways.deliver(gateway, connections, app, token.expose(), message).await {
        Verdict::Accepted => {
            if !device.confirmed {
                hall.db.write(move |tx| devices::confirm(tx, now, id)).await.unwrap_or_else(|fault| noted(&fault));
            }
            Ok(())
        }
        Verdict::Gone(gone) => {
            let refusal = Refusal::gone(gone);
            // If it can't be kept, the gateway will say it again.
            hall.db.write(move |tx| devices::mark_unregistered(tx, now, id)).await.unwrap_or_else(|fault| noted(&fault));
            Err(refusal)
        }
        Verdict::Rejected => Err(RefusalKind::Rejected.into()),
        Verdict::Unavailable { why, retry_after } => {
            tracing::warn!(gateway = gateway.as_str(), why = why.as_str(), "a push could not be handed over");
            Err(match why {
                Trouble::Slow => Refusal::later(RefusalKind::GatewaySlow, retry_after),
                Trouble::Busy => Refusal::later(RefusalKind::Busy, retry_after),
                Trouble::Down | Trouble::Throttled | Trouble::Misconfigured => Refusal::later(RefusalKind::GatewayDown, retry_after),
            })
        }
    }
}

fn noted(fault: &Fault) {
    tracing::warn!(error = %fault, "what a push taught of its device could not be kept");
}

fn busy(_: Fault) -> Refusal {
    Refusal::later(RefusalKind::Busy, BUDGET)
}

impl Cached {
    fn gone(&self) -> Option<Gone> {
        Gone::stored(self.unregistered)
    }
}

/// Enrols a token for the caller's site. `true`: it is new.
///
/// # Errors
/// The first check that failed.
pub async fn enrol(hall: &Hall, request: Request<'_>, token: &str, device: &str, channel: &str) -> Result<bool, Refusal> {
    let grant = granted(hall, request)?;
    let app = request.app.unwrap_or_default();
    admitted(hall, &grant, app, Permissions::CREATE_TOKEN, RefusalKind::MayNotCreate)?;
    let token = DeviceToken::parse(token).map_err(|words| Refusal::of_field(RefusalKind::InvalidToken, "token", words))?;
    // A plain APNs token is hexadecimal (`wire/airnotifier-server.md` 2, check 3).
    if device.eq_ignore_ascii_case("ios") && (token.expose().len() < 64 || !token.expose().bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(Refusal::of_field(RefusalKind::InvalidToken, "token", "an iOS device token is 64 or more hexadecimal digits"));
    }
    let by = if grant.kind() == KeyKind::Site { By::Site } else { By::Device };
    let enrolled = enrol_now(hall, &grant, token, device, app, channel, by).await?;
    Ok(matches!(enrolled, Enrolled::New(_)))
}

async fn enrol_now(
    hall: &Hall,
    grant: &Grant,
    token: DeviceToken,
    device: &str,
    app: &str,
    channel: &str,
    by: By,
) -> Result<Enrolled, Refusal> {
    let limiter = grant.site().enrol_limiter(hall.table.grants(), &hall.clock);
    limiter.take().map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))?;
    let app = AppName::parse(app).ok_or(RefusalKind::UnknownApp)?;
    let enrolment = Enrolment { site: grant.site().id, token, platform: device.to_ascii_lowercase(), app, channel: channel.to_owned(), by };
    let most = (hall.table.grants().trial_is_limited && grant.site().state().trial).then_some(hall.trial_devices);
    let (ring, now) = (hall.ring.clone(), hall.clock.now());
    match hall.db.write(move |tx| devices::enrol(tx, &ring, now, &enrolment, most)).await {
        Ok(Enrolled::TrialFull) => Err(RefusalKind::TrialFull.into()),
        Ok(enrolled) => Ok(enrolled),
        Err(fault) => {
            tracing::warn!(error = %fault, "an enrolment could not be written");
            Err(busy(fault))
        }
    }
}

/// Forgets a token of the caller's site. `false`: the site does not have it.
///
/// # Errors
/// The first check that failed.
pub async fn forget(hall: &Hall, request: Request<'_>, token: &str) -> Result<bool, Refusal> {
    let grant = granted(hall, request)?;
    admitted(hall, &grant, request.app.unwrap_or_default(), Permissions::DELETE_TOKEN, RefusalKind::MayNotDelete)?;
    let (site, now, hash) = (grant.site().id, hall.clock.now(), TokenHash::of(&hall.ring, token));
    hall.db.write(move |tx| devices::delete(tx, now, site, hash)).await.map_err(busy)
}

/// Moodle's check of its key (`wire/moodle-client.md` 6): always a refusal, and `Invalid token` means that all is well.
pub fn test_token(hall: &Hall, request: Request<'_>) -> Refusal {
    let checked = granted(hall, request).and_then(|grant| {
        admitted(hall, &grant, request.app.unwrap_or_default(), Permissions::SEND_NOTIFICATION, RefusalKind::MayNotSend).map(|_| ())
    });
    checked.err().unwrap_or_else(|| RefusalKind::InvalidToken.into())
}
