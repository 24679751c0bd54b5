//! Decides and hands over, in the order of design.md section 6. Nothing here reads or writes HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::count::{Noted, Tally};
use super::enrol::{How, Told, enrol_now};
use super::refusal::{Refusal, RefusalKind};
use super::seen::Seen;
use crate::clock::Clock;
use crate::db::{Db, Fault};
use crate::devices::{self, Cached, DeviceToken, Lookup, Sealed, TokenHash};
use crate::gateways::decode::{self, Body};
use crate::gateways::translate::{self, CantTranslate};
use crate::gateways::{BUDGET, Connections, Gateways, Message, Trouble, Verdict};
use crate::ids::PushId;
use crate::keys::{Grant, KeyRefusal, Permissions, SiteCell, Table, Taking};
use crate::limits::Network;
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
    /// What pushes taught of devices, and is not written yet.
    pub seen: Seen,
    /// New devices are counted here, by whichever worker.
    pub enrolled: Tally,
}

/// The two headers of the keyed API, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    pub app: Option<&'a str>,
    pub key: Option<&'a str>,
    /// From where, if it is known.
    pub from: Option<Network>,
}

/// A caller whose key is good: what comes before a look at the body.
pub struct Caller<'a> {
    pub(super) grant: Grant,
    pub(super) app: &'a str,
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
        Ok(grant) => {
            if let Some(network) = request.from {
                grant.used_from(network);
            }
            Ok(Caller { grant, app, until })
        }
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

/// Pushes one message, or says why not. `tally` is this worker's own. `id`: what the push is called, where who sends it is
/// told so.
///
/// # Errors
/// The first check that failed.
pub async fn push(
    hall: &Hall,
    connections: &Connections,
    tally: &Tally,
    caller: &Caller<'_>,
    body: Received<'_>,
    id: Option<PushId>,
) -> Result<(), Refusal> {
    let body_bytes = body.as_ref().map_or(0, |body| body.len());
    let mut hint = String::new();
    let done = push_admitted(hall, connections, caller, body, &mut hint).await;
    let code = code_of(&done);
    tally.note(caller.grant.site().id, Noted { id, ..Noted::new(hall.clock.now(), code, caller.app, hint, body_bytes) });
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
    let message = translated(&body, hall.payload_bytes, None)?;
    let found = device(hall, caller, &body, &token);
    let device = timeout_at(caller.until, found).await.unwrap_or_else(|_| Err(Refusal::later(RefusalKind::Busy, BUDGET)))?;
    if let Some(gone) = device.gone() {
        return Err(Refusal::gone(gone));
    }
    let language = device.language();
    let message = match &language {
        Some(language) if body.speaks_languages() => translated(&body, hall.payload_bytes, Some(language))?,
        _ => message,
    };
    device.flood.take().map_err(|standing| Refusal::limited(RefusalKind::Flood, standing))?;
    confirm(hall, &device);
    let to = Delivery { gateway, app: caller.app, device: &device, token: &token, until: caller.until };
    deliver(hall, connections, &to, &message).await
}

/// The caller's grant, for who acts for the site in another way than by pushing.
impl Caller<'_> {
    pub fn grant(&self) -> &Grant {
        &self.grant
    }
}

fn code_of(done: &Result<(), Refusal>) -> &'static str {
    done.as_ref().map_or_else(|refusal| refusal.kind.row().code, |()| "delivered")
}

/// What is sent to many devices of one site, one after the other.
pub struct Mailing<'a> {
    pub site: &'a SiteCell,
    pub app: &'a str,
    /// As `POST /api/v2/push` takes it, but for the token.
    pub body: &'a Body<'a>,
}

/// Sends what is meant for many devices to one of them, in its language: within the site's quota and the device's own rate.
///
/// # Errors
/// The first check that failed.
pub async fn push_to(hall: &Hall, connections: &Connections, tally: &Tally, mailing: &Mailing<'_>, to: &Sealed) -> Result<(), Refusal> {
    let done = push_sealed(hall, connections, mailing, to).await;
    tally.note(mailing.site.id, Noted::new(hall.clock.now(), code_of(&done), mailing.app, to.device.hint.clone(), 0));
    done
}

async fn push_sealed(hall: &Hall, connections: &Connections, mailing: &Mailing<'_>, to: &Sealed) -> Result<(), Refusal> {
    let until = Instant::now() + BUDGET;
    may_push(mailing.site)?;
    let gateway = hall.apps.get(mailing.app).copied().ok_or(RefusalKind::UnknownApp)?;
    mailing.site.take_of_today(hall.clock.now()).map_err(|standing| Refusal::limited(RefusalKind::OverQuota, standing))?;
    let token = to.token(&hall.ring).ok_or(RefusalKind::UnknownDevice)?;
    let key = (mailing.site.id, token.hash(&hall.ring));
    let device = hall.lookup.find(key).await.map_err(busy)?.ok_or(RefusalKind::UnknownDevice)?;
    if let Some(gone) = device.gone() {
        return Err(Refusal::gone(gone));
    }
    let body = mailing.body.to(token.expose(), &to.device.platform);
    let message = translated(&body, hall.payload_bytes, to.device.language.as_deref())?;
    device.flood.take().map_err(|standing| Refusal::limited(RefusalKind::Flood, standing))?;
    let to = Delivery { gateway, app: mailing.app, device: &device, token: &token, until };
    deliver(hall, connections, &to, &message).await
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
pub(super) fn admitted(hall: &Hall, caller: &Caller<'_>, needed: Permissions, or_else: RefusalKind) -> Result<GatewayName, Refusal> {
    may_push(caller.grant.site())?;
    if !caller.grant.permissions().may(needed) {
        return Err(or_else.into());
    }
    hall.apps.get(caller.app).copied().ok_or_else(|| RefusalKind::UnknownApp.into())
}

/// Row 3: the site may push.
///
/// # Errors
/// Why not.
pub fn may_push(site: &SiteCell) -> Result<(), Refusal> {
    match site.state().push_off {
        None => Ok(()),
        Some(PushOff::Suspended) => Err(Refusal::suspended(site.id)),
        Some(PushOff::Unverified) => Err(RefusalKind::SiteUnverified.into()),
        Some(PushOff::OverUserLimit) => Err(RefusalKind::OverUserLimit.into()),
        Some(PushOff::OptedOut | PushOff::Staff) => Err(RefusalKind::PushDisabled.into()),
    }
}

/// Row 6: the site's rate and its daily quota.
fn within_rate(hall: &Hall, grant: &Grant) -> Result<(), Refusal> {
    let site = grant.site();
    site.take(Taking::Push, &hall.clock).map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))?;
    site.take_of_today(hall.clock.now()).map_err(|standing| Refusal::limited(RefusalKind::OverQuota, standing))
}

/// Row 7, what goes out.
fn translated<'a>(body: &Body<'a>, limit: usize, language: Option<&str>) -> Result<Message<'a>, Refusal> {
    translate::translate(body, limit, language).map_err(|cant| match cant {
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
    if hall.binding == Binding::Strict || grant.site().state().strict || !grant.permissions().may(Permissions::CREATE_TOKEN) {
        return Err(RefusalKind::UnknownDevice.into());
    }
    let told = Told { device: &body.device, channel: "default", language: None };
    enrol_now(hall, caller, token.clone(), told, How::Push).await?;
    hall.lookup.find(key).await.map_err(busy)?.ok_or_else(|| Refusal::later(RefusalKind::Busy, BUDGET))
}

/// Where a message goes.
struct Delivery<'a> {
    gateway: GatewayName,
    app: &'a str,
    device: &'a Cached,
    token: &'a DeviceToken,
    /// By when who asked is answered.
    until: Instant,
}

/// Row 10.
async fn deliver(hall: &Hall, connections: &Connections, to: &Delivery<'_>, message: &Message<'_>) -> Result<(), Refusal> {
    let (id, asked_at) = (to.device.id, hall.clock.now());
    match hall.gateways.deliver(to.gateway, connections, to.app, to.token.expose(), message, to.until).await {
        Verdict::Accepted => {
            if to.device.is_seen_anew(asked_at, hall.seen.each()) {
                hall.seen.note(id, asked_at);
            }
            Ok(())
        }
        Verdict::Gone(gone) => {
            let (db, now) = (hall.db.clone(), hall.clock.now());
            let kept = tokio::spawn(async move { db.write(move |tx| devices::mark_unregistered(tx, now, id, asked_at)).await });
            // Waited for as long as the caller has time. If it can't be kept, the gateway will say it again.
            if let Ok(Ok(Err(fault))) = timeout_at(to.until, kept).await {
                noted(&fault);
            }
            Err(Refusal::gone(gone))
        }
        Verdict::Rejected => Err(RefusalKind::Rejected.into()),
        Verdict::Unavailable { why, retry_after } => {
            tracing::warn!(gateway = to.gateway.as_str(), why = why.as_str(), "a push could not be handed over");
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

pub(super) fn busy(_: Fault) -> Refusal {
    Refusal::later(RefusalKind::Busy, BUDGET)
}

/// Rows 3 to 5 for somebody who wants to send to all devices of the site: what comes before a look at the body.
///
/// # Errors
/// The first check that failed.
pub fn may_broadcast(hall: &Hall, caller: &Caller<'_>) -> Result<(), Refusal> {
    admitted(hall, caller, Permissions::SEND_BROADCAST, RefusalKind::MayNotBroadcast).map(|_| ())
}

/// Moodle's check of its key (`wire/moodle-client.md` 6): always a refusal, and `Invalid token` means that all is well.
pub fn test_token(hall: &Hall, request: Request<'_>) -> Refusal {
    let checked = caller(hall, request).and_then(|caller| admitted(hall, &caller, Permissions::SEND_NOTIFICATION, RefusalKind::MayNotSend));
    checked.err().unwrap_or_else(|| RefusalKind::InvalidToken.into())
}
