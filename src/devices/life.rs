//! What happens to a device. Each act runs in its caller's transaction.

use super::{AppName, DeviceToken, TokenHash, store};
use crate::clock::Timestamp;
use crate::db::{Change, Fault, Tx};
use crate::ids::{DeviceId, SiteId};
use crate::secret::Keyring;

/// Who enrols: a site vouches for its device, a device by itself is unconfirmed until the site does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Site,
    Device,
}

/// A token to be enrolled for a site.
#[derive(Clone, Debug)]
pub struct Enrolment {
    pub site: SiteId,
    pub token: DeviceToken,
    pub platform: String,
    pub app: AppName,
    pub channel: String,
    pub by: By,
}

/// What an enrolment found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolled {
    New(DeviceId),
    /// The site had it; if it was unregistered it is revived.
    Known(DeviceId),
    /// A trial site has as many devices as the trial allows.
    TrialFull,
}

/// Enrols a token; a repetition is no error and changes nothing but "last seen". `most`: how many devices the site may have.
///
/// # Errors
/// When it can't be written.
pub fn enrol(tx: &mut Tx, ring: &Keyring, now: Timestamp, new: &Enrolment, most: Option<u64>) -> Result<Enrolled, Fault> {
    let hash = new.token.hash(ring);
    let confirmed_at = (new.by == By::Site).then_some(now);
    if let Some(known) = store::by_token(tx.conn(), new.site, hash)? {
        let confirmed_at = known.confirmed_at.or(confirmed_at);
        store::refresh(tx.conn(), known.id, now, &new.platform, new.app.as_str(), &new.channel, confirmed_at)?;
        tx.changed(now, Change::Device(known.id))?;
        return Ok(Enrolled::Known(known.id));
    }
    if let Some(most) = most
        && u64::try_from(store::count(tx.conn(), new.site)?).unwrap_or(0) >= most
    {
        return Ok(Enrolled::TrialFull);
    }
    let id = DeviceId::new(now);
    let sealed = ring.seal(new.token.expose().as_bytes());
    let (platform, app, channel) = (new.platform.as_str(), new.app.as_str(), new.channel.as_str());
    let device =
        store::NewDevice { id, site: new.site, hash, sealed: &sealed, hint: &new.token.hint(), platform, app, channel, confirmed_at, now };
    if store::insert(tx.conn(), &device)? {
        return Ok(Enrolled::New(id));
    }
    // Another node was faster in the same moment.
    let known = store::by_token(tx.conn(), new.site, hash)?.ok_or(Fault::Stale)?;
    Ok(Enrolled::Known(known.id))
}

/// The site has pushed to a device that had enrolled itself: it is confirmed.
///
/// # Errors
/// When it can't be written.
pub fn confirm(tx: &mut Tx, now: Timestamp, id: DeviceId) -> Result<(), Fault> {
    if store::set_confirmed(tx.conn(), id, now)? {
        tx.changed(now, Change::Device(id))?;
    }
    Ok(())
}

/// A gateway was sure that the token is no longer registered. What was enrolled again since the gateway was asked, at
/// `asked_at`, lives.
///
/// # Errors
/// When it can't be written.
pub fn mark_unregistered(tx: &mut Tx, now: Timestamp, id: DeviceId, asked_at: Timestamp) -> Result<(), Fault> {
    if store::set_unregistered(tx.conn(), id, now, asked_at)? {
        tx.changed(now, Change::Device(id))?;
    }
    Ok(())
}

/// Forgets a site's token. `false`: the site does not have it.
///
/// # Errors
/// When it can't be written.
pub fn delete(tx: &mut Tx, now: Timestamp, site: SiteId, hash: TokenHash) -> Result<bool, Fault> {
    let Some(known) = store::by_token(tx.conn(), site, hash)? else { return Ok(false) };
    store::delete(tx.conn(), known.id)?;
    tx.changed(now, Change::Device(known.id))?;
    Ok(true)
}
