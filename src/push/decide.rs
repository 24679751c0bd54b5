//! Decides and hands over, in the order of design.md section 6. Nothing here reads or writes HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::count::Tally;
use super::refusal::{Refusal, RefusalKind};
use crate::clock::Clock;
use crate::db::{Db, Fault};
use crate::devices::{self, AppName, By, Cached, DeviceToken, Enrolled, Enrolment, Lookup, TokenHash};
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

/// A caller whose key is good: what comes before a look at the body.
pub struct Caller<'a> {
    grant: Grant,
    app: &'a str,
    /// By when the caller is answered, whatever happens.
    until: Instant,
}

/// Rows 1 and 2: the headers are there, and the key is good.
///
/// # Errors
/// The first check that failed.
pub fn caller<'a>(hall: &Hall, request: Request<'a>) -> Result<Caller<'a>, Refusal> {
    let until = Instant::now() + BUDGET;
    let app = request.app.filter(|app| !app.is_empty()).ok_or(RefusalKind::NoAppName)?;
    let key = request.key.ok_or(RefusalKind::NoAppKey)?;
    match hall.table.grant(key, hall.clock.now()) {
        Ok(grant) => Ok(Caller { grant, app, until }),
        Err(refused) => Err(Refusal::from(match refused {
            KeyRefusal::Malformed => RefusalKind::MalformedKey,
            KeyRefusal::Unknown => RefusalKind::UnknownKey,
            KeyRefusal::Expired => RefusalKind::ExpiredKey,
            KeyRefusal::Revoked => RefusalKind::RevokedKey,
        })),
    }
}

/// A request's body, or why it could not be read: said in its turn, after the checks that need no body.
pub type Received<'a> = Result<&'a [u8], Refusal>;

/// Pushes one message, or says why not. `tally` is this worker's own.
///
/// # Errors
/// The first check that failed.
pub async fn push(hall: &Hall, connections: &Connections, tally: &Tally, caller: &Caller<'_>, body: Received<'_>) -> Result<(), Refusal> {
    let body_bytes = body.as_ref().map_or(0, |body| body.len());
    let mut hint = String::new();
    let done = push_admitted(hall, connections, caller, body, &mut hint).await;
    let code = done.as_ref().map_or_else(|refusal| refusal.kind.row().code, |()| "delivered");
    tally.note(caller.grant.site().id, hall.clock.now(), code, caller.app, hint, body_bytes);
    done
}

/// `hint` is what the site's page says of the device; of the message it says nothing.
async fn push_admitted(
    hall: &Hall,
    connections: &Connections,
    caller: &Caller<'_>,
    body: Received<'_>,
    hint: &mut String,
) -> Result<(), Refusal> {
    let gateway = admitted(hall, caller, Permissions::SEND_NOTIFICATION, RefusalKind::MayNotSend)?;
    within_rate(hall, &caller.grant)?;
    let body = decode::decode(body?).map_err(|bad| Refusal::of_field(RefusalKind::BadBody, bad.field, bad.words))?;
    let token = DeviceToken::parse(&body.token).map_err(|words| Refusal::of_field(RefusalKind::BadBody, "token", words))?;
    *hint = token.hint();
    let message = translated(&body, hall.payload_bytes)?;
    let found = device(hall, caller, &body, &token);
    let device = timeout_at(caller.until, found).await.unwrap_or_else(|_| Err(Refusal::later(RefusalKind::Busy, BUDGET)))?;
    if let Some(gone) = device.gone() {
        return Err(Refusal::gone(gone));
    }
    device.flood.take().map_err(|standing| Refusal::limited(RefusalKind::Flood, standing))?;
    confirm(hall, &device);
    deliver(hall, connections, gateway, caller, &device, &token, &message).await
}

/// A site that pushes to a device vouches for it. Nobody waits for the note: the next push makes it again.
fn confirm(hall: &Hall, device: &Cached) {
    if device.is_confirmed() {
        return;
    }
    let (db, now, id) = (hall.db.clone(), hall.clock.now(), device.id);
    tokio::spawn(async move { db.write(move |tx| devices::confirm(tx, now, id)).await.unwrap_or_else(|fault| noted(&fault)) });
}

/// Rows 3 to 5: the site may push, the key may do this, the app is served.
fn admitted(hall: &Hall, caller: &Caller<'_>, needed: Permissions, or_else: RefusalKind) -> Result<GatewayName, Refusal> {
    may_push(&caller.grant)?;
    if !caller.grant.permissions().may(needed) {
        return Err(or_else.into());
    }
    hall.apps.get(caller.app).copied().ok_or_else(|| RefusalKind::UnknownApp.into())
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
fn translated<'a>(body: &Body<'a>, limit: usize) -> Result<Message<'a>, Refusal> {
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
async fn device(hall: &Hall, caller: &Caller<'_>, body: &Body<'_>, token: &DeviceToken) -> Result<Arc<Cached>, Refusal> {
    let grant = &caller.grant;
    let key = (grant.site().id, TokenHash::of(&hall.ring, token.expose()));
    match hall.lookup.find(key).await.map_err(busy)? {
        Some(known) if known.gone().is_none() => return Ok(known),
        // 404 makes Moodle delete the device: another node may just have enrolled it again, so memory is not enough for that.
        Some(_) => {
            if let Some(known) = hall.lookup.find_fresh(key).await.map_err(busy)? {
                return Ok(known);
            }
        }
        None => {}
    }
    if hall.binding == Binding::Strict || !grant.permissions().may(Permissions::CREATE_TOKEN) {
        return Err(RefusalKind::UnknownDevice.into());
    }
    enrol_now(hall, caller, token.clone(), &body.device, "default", How::Push).await?;
    hall.lookup.find(key).await.map_err(busy)?.ok_or_else(|| Refusal::later(RefusalKind::Busy, BUDGET))
}

/// Row 10.
async fn deliver(
    hall: &Hall,
    connections: &Connections,
    gateway: GatewayName,
    caller: &Caller<'_>,
    device: &Cached,
    token: &DeviceToken,
    message: &Message<'_>,
) -> Result<(), Refusal> {
    let (id, asked_at) = (device.id, hall.clock.now());
    match hall.gateways.deliver(gateway, connections, caller.app, token.expose(), message, caller.until).await {
        Verdict::Accepted => Ok(()),
        Verdict::Gone(gone) => {
            let (db, now) = (hall.db.clone(), hall.clock.now());
            let kept = tokio::spawn(async move { db.write(move |tx| devices::mark_unregistered(tx, now, id, asked_at)).await });
            // Waited for as long as the caller has time. If it can't be kept, the gateway will say it again.
            if let Ok(Ok(Err(fault))) = timeout_at(caller.until, kept).await {
                noted(&fault);
            }
            Err(Refusal::gone(gone))
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

/// What an enrolment is made by: each way has a rate of its own, so that a key that is on every phone can't use up the
/// site's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Site,
    Device,
    Push,
}

/// Rows 3 to 5 for somebody who wants to enrol devices: what comes before a look at the body.
///
/// # Errors
/// The first check that failed.
pub fn may_enrol(hall: &Hall, caller: &Caller<'_>) -> Result<(), Refusal> {
    admitted(hall, caller, Permissions::CREATE_TOKEN, RefusalKind::MayNotCreate).map(|_| ())
}

/// Enrols a token for a caller who may. `true`: it is new.
///
/// # Errors
/// The first check that failed.
pub async fn enrol(hall: &Hall, caller: &Caller<'_>, token: &str, device: &str, channel: &str) -> Result<bool, Refusal> {
    let token = DeviceToken::parse(token).map_err(|words| Refusal::of_field(RefusalKind::InvalidToken, "token", words))?;
    // A plain APNs token (`wire/airnotifier-server.md` 2, check 3, and 5).
    if device.eq_ignore_ascii_case("ios") && (token.expose().len() != 64 || !token.expose().bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(Refusal::of_field(RefusalKind::InvalidToken, "token", "an iOS device token is 64 hexadecimal digits"));
    }
    let how = if caller.grant.kind() == KeyKind::Site { How::Site } else { How::Device };
    let enrolled = enrol_now(hall, caller, token, device, channel, how).await?;
    Ok(matches!(enrolled, Enrolled::New(_)))
}

async fn enrol_now(
    hall: &Hall,
    caller: &Caller<'_>,
    token: DeviceToken,
    device: &str,
    channel: &str,
    how: How,
) -> Result<Enrolled, Refusal> {
    let (site, grants) = (caller.grant.site(), hall.table.grants());
    let limiter = match how {
        How::Site => site.enrol_limiter(grants, &hall.clock),
        How::Device => site.self_enrol_limiter(grants, &hall.clock),
        How::Push => site.push_enrol_limiter(grants, &hall.clock),
    };
    limiter.take().map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))?;
    let app = AppName::parse(caller.app).ok_or(RefusalKind::UnknownApp)?;
    let by = if how == How::Device { By::Device } else { By::Site };
    let enrolment = Enrolment { site: site.id, token, platform: device.to_ascii_lowercase(), app, channel: channel.to_owned(), by };
    let most = (grants.trial_is_limited && site.state().trial).then_some(hall.trial_devices);
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

/// Forgets a token of the caller's site, at the rate of enrolments. `false`: the site does not have it.
///
/// # Errors
/// The first check that failed.
pub async fn forget(hall: &Hall, caller: &Caller<'_>, token: &str) -> Result<bool, Refusal> {
    admitted(hall, caller, Permissions::DELETE_TOKEN, RefusalKind::MayNotDelete)?;
    let site = caller.grant.site();
    let limiter = site.enrol_limiter(hall.table.grants(), &hall.clock);
    limiter.take().map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))?;
    let (id, now, hash) = (site.id, hall.clock.now(), TokenHash::of(&hall.ring, token));
    // Looked for first: who asks for what is not there must not keep the writer busy.
    if hall.lookup.find((id, hash)).await.map_err(busy)?.is_none() {
        return Ok(false);
    }
    hall.db.write(move |tx| devices::delete(tx, now, id, hash)).await.map_err(busy)
}

/// Moodle's check of its key (`wire/moodle-client.md` 6): always a refusal, and `Invalid token` means that all is well.
pub fn test_token(hall: &Hall, request: Request<'_>) -> Refusal {
    let checked = caller(hall, request).and_then(|caller| admitted(hall, &caller, Permissions::SEND_NOTIFICATION, RefusalKind::MayNotSend));
    checked.err().unwrap_or_else(|| RefusalKind::InvalidToken.into())
}
