//! Enrols devices and forgets them, for whoever holds a key. Nothing here reads or writes HTTP.

use super::count::Sign;
use super::decide::{Caller, Hall, admitted, busy};
use super::refusal::{Refusal, RefusalKind};
use crate::devices::{self, AppName, By, DeviceLanguage, DeviceToken, Enrolled, Enrolment, TokenHash};
use crate::keys::{KeyKind, Permissions, Taking};

/// What an enrolment is made by: each way has a rate of its own, so that a key that is on every phone can't use up the
/// site's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
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

/// What is told of a device along with its token.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Its platform, as the client names it.
    pub device: &'a str,
    pub channel: &'a str,
    /// None: as it was, or not known.
    pub language: Option<&'a str>,
}

/// Enrols a token for a caller who may. `true`: it is new.
///
/// # Errors
/// The first check that failed.
pub async fn enrol(hall: &Hall, caller: &Caller<'_>, token: &str, told: Told<'_>) -> Result<bool, Refusal> {
    let device = told.device;
    let token = DeviceToken::parse(token).map_err(|words| Refusal::of_field(RefusalKind::InvalidToken, "token", words))?;
    // A plain APNs token (`wire/airnotifier-server.md` 2, check 3, and 5).
    if device.eq_ignore_ascii_case("ios") && (token.expose().len() != 64 || !token.expose().bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(Refusal::of_field(RefusalKind::InvalidToken, "token", "an iOS device token is 64 hexadecimal digits"));
    }
    let how = if caller.grant.kind() == KeyKind::Site { How::Site } else { How::Device };
    if caller.grant.kind() == KeyKind::Device {
        // Before anything is looked up: a leaked phone must keep nobody waiting.
        let taken = caller.grant.site().take(Taking::SelfEnrol, &hall.clock);
        taken.map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))?;
        only_its_own(hall, caller, token.hash(&hall.ring)).await?;
    }
    let enrolled = enrol_now(hall, caller, token, told, how).await?;
    Ok(matches!(enrolled, Enrolled::New(_)))
}

/// A key of one device is good for that device's token and for no other.
async fn only_its_own(hall: &Hall, caller: &Caller<'_>, hash: TokenHash) -> Result<(), Refusal> {
    if caller.grant.kind() != KeyKind::Device {
        return Ok(());
    }
    let asked = hall.lookup.find((caller.grant.site().id, hash)).await.map_err(busy)?;
    let is_own = asked.is_some_and(|device| caller.grant.device() == Some(device.id));
    if is_own { Ok(()) } else { Err(RefusalKind::OtherDevice.into()) }
}

pub(super) async fn enrol_now(hall: &Hall, caller: &Caller<'_>, token: DeviceToken, told: Told<'_>, how: How) -> Result<Enrolled, Refusal> {
    let language = told.language.map(DeviceLanguage::parse).transpose();
    let language = language.map_err(|words| Refusal::of_field(RefusalKind::BadBody, "language", words))?;
    let site = caller.grant.site();
    let taking = match how {
        How::Site => Taking::Enrol,
        How::Device => Taking::SelfEnrol,
        How::Push => Taking::PushEnrol,
    };
    site.take(taking, &hall.clock).map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))?;
    let app = AppName::parse(caller.app).ok_or(RefusalKind::UnknownApp)?;
    let by = if how == How::Device { By::Device } else { By::Site };
    let (platform, channel) = (told.device.to_ascii_lowercase(), told.channel.to_owned());
    let enrolment = Enrolment { site: site.id, token, platform, app, channel, language, by };
    let most = hall.table.grants().most_devices(site.state().trial);
    let (ring, now) = (hall.ring.clone(), hall.clock.now());
    match hall.db.write(move |tx| devices::enrol(tx, &ring, now, &enrolment, most)).await {
        Ok(Enrolled::TrialFull) => Err(RefusalKind::TrialFull.into()),
        Ok(Enrolled::New(id)) => {
            hall.enrolled.note_enrolled(site.id, now, if how == How::Push { Sign::EnrolledByPush } else { Sign::Enrolled });
            Ok(Enrolled::New(id))
        }
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
    // A key that is on phones uses up nothing of the site's own.
    let taking = if caller.grant.kind() == KeyKind::Site { Taking::Enrol } else { Taking::SelfEnrol };
    site.take(taking, &hall.clock).map_err(|standing| Refusal::limited(RefusalKind::TooFast, standing))?;
    let (id, now, hash) = (site.id, hall.clock.now(), TokenHash::of(&hall.ring, token));
    only_its_own(hall, caller, hash).await?;
    // Looked for first: who asks for what is not there must not keep the writer busy.
    if hall.lookup.find((id, hash)).await.map_err(busy)?.is_none() {
        return Ok(false);
    }
    hall.db.write(move |tx| devices::delete(tx, now, id, hash)).await.map_err(busy)
}
