//! What happens to a device. Each act runs in its caller's transaction.

use std::time::Duration;

use super::{AppName, DeviceLanguage, DeviceName, DeviceToken, TokenHash, store};
use crate::clock::Timestamp;
use crate::db::{Change, Fault, Tx};
use crate::ids::{DeviceId, SiteId};
use crate::keys;
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
    /// None: as it was, or not known.
    pub language: Option<DeviceLanguage>,
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
    let language = new.language.as_ref().map(DeviceLanguage::as_str);
    if let Some(known) = store::by_token(tx.conn(), new.site, hash)? {
        let confirmed_at = known.confirmed_at.or(confirmed_at);
        let language = language.or(known.language.as_deref());
        let told = store::Told { platform: &new.platform, app: new.app.as_str(), channel: &new.channel, language };
        if store::refresh(tx.conn(), known.id, now, &told, confirmed_at)? {
            tx.changed(now, Change::Device(known.id))?;
            return Ok(Enrolled::Known(known.id));
        }
    }
    if let Some(most) = most
        && u64::try_from(store::count(tx.conn(), new.site)?).unwrap_or(0) >= most
    {
        return Ok(Enrolled::TrialFull);
    }
    let id = DeviceId::new(now);
    let sealed = ring.seal(new.token.expose().as_bytes());
    let told = store::Told { platform: &new.platform, app: new.app.as_str(), channel: &new.channel, language };
    let device = store::NewDevice { id, site: new.site, hash, sealed: &sealed, hint: &new.token.hint(), told, confirmed_at, now };
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
    forget(tx, now, &[known.id])?;
    Ok(true)
}

/// Forgets a site's device, by its id. `false`: the site does not have it.
///
/// # Errors
/// When it can't be written.
pub fn delete_by_id(tx: &mut Tx, now: Timestamp, site: SiteId, id: DeviceId) -> Result<bool, Fault> {
    if store::find(tx.conn(), site, id)?.is_none() {
        return Ok(false);
    }
    forget(tx, now, &[id])?;
    Ok(true)
}

/// Deletes devices, and with them their keys.
fn forget(tx: &mut Tx, now: Timestamp, devices: &[DeviceId]) -> Result<(), Fault> {
    // The device first: whoever issues it a key holds its row, and this waits for them, and then finds the key.
    store::delete(tx.conn(), devices)?;
    keys::revoke_of_devices(tx, now, devices)?;
    for id in devices {
        tx.changed(now, Change::Device(*id))?;
    }
    Ok(())
}

/// What a site says of a device beside its token.
#[derive(Clone, Debug)]
pub struct DeviceChange {
    pub name: DeviceName,
    /// None takes it away.
    pub language: Option<DeviceLanguage>,
}

/// Changes what a site says of a device. `false`: the site does not have it.
///
/// # Errors
/// When it can't be written.
pub fn change(tx: &mut Tx, now: Timestamp, site: SiteId, id: DeviceId, change: &DeviceChange) -> Result<bool, Fault> {
    let language = change.language.as_ref().map(DeviceLanguage::as_str);
    let changed = store::describe(tx.conn(), site, id, change.name.as_deref(), language)?;
    if changed {
        tx.changed(now, Change::Device(id))?;
    }
    Ok(changed)
}

/// Notes that pushes to devices arrived: they are no stale ones.
///
/// # Errors
/// When it can't be written.
pub fn note_seen(tx: &mut Tx, seen: &[(DeviceId, Timestamp)]) -> Result<(), Fault> {
    // In one order on every node, so that two that write at once can't wait for each other.
    let mut seen = seen.to_vec();
    seen.sort_unstable_by_key(|(id, _)| *id);
    for (id, at) in &seen {
        store::set_seen(tx.conn(), *id, *at)?;
    }
    Ok(())
}

/// How long a device is kept of which a gateway said that it is gone (design.md section 5).
pub const UNREGISTERED_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Which devices are deleted by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Those that enrolled themselves before then, and that no site has vouched for.
    Unconfirmed(Timestamp),
    /// Those that a gateway said are gone before then.
    Unregistered(Timestamp),
    /// Those not seen since.
    Stale(Timestamp),
    /// All of a site whose owner takes everything along.
    OfSite(SiteId),
}

/// Deletes devices that are due, at most `most` of them. Gives how many there were.
///
/// # Errors
/// When it can't be written.
pub fn purge(tx: &mut Tx, now: Timestamp, due: Due, most: i64) -> Result<usize, Fault> {
    let devices = store::due(tx.conn(), due, most)?;
    forget(tx, now, &devices)?;
    Ok(devices.len())
}
