//! What happens to a key. Each act runs in its caller's transaction.

use std::time::Duration;

use super::{AccessKey, KeyHash, KeyKind, KeyState, Permissions, PlainKey, store};
use crate::audit::{self, Actor, Event};
use crate::clock::Timestamp;
use crate::db::{Change, Conn, Fault, Tx};
use crate::error::Error;
use crate::ids::{DeviceId, KeyId, SiteId};
use crate::secret::Keyring;
use crate::sites::{self, SiteState};

/// How many working keys of one kind a site may have: rotation needs two.
const MOST_WORKING: i64 = 10;

/// How many keys of one device may be ending at once.
const MOST_ENDING_OF_DEVICE: usize = 3;

/// Why an act on a key did not happen.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No such site, or no such working key of it.
    #[error("no such key")]
    Unknown,
    /// The site is not in a state to have keys.
    #[error("a site that is {0} gets no key")]
    NotFor(SiteState),
    #[error("the site has {MOST_WORKING} working keys of this kind already")]
    TooMany,
    /// Keys of this kind are issued for one device, not from here.
    #[error("a key for one device needs that device, and no other kind has one")]
    NeedsDevice,
    #[error("the key has a successor already")]
    HasSuccessor,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown => Self::NotFound,
            KeyError::Fault(fault) => fault.into(),
            KeyError::NotFor(_) => {
                Self::Conflict("Keys are issued once the site is proved to be yours, and not while it is suspended.".into())
            }
            KeyError::TooMany => {
                Self::Conflict(format!("The site has {MOST_WORKING} working keys of this kind. Revoke one that is not used any more."))
            }
            KeyError::HasSuccessor => Self::Conflict("This key has a successor already. Rotate that one, or revoke this.".into()),
            KeyError::NeedsDevice => Self::field("kind", "Choose site or devices."),
        }
    }
}

/// A key that somebody wants. From a kind alone: with the permissions of that kind.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub kind: KeyKind,
    pub permissions: Permissions,
    /// Whose it is, for a key of one device.
    pub device: Option<DeviceId>,
    /// Who asked, as the audit log has it behind the key's beginning; begins with a comma.
    pub note: &'a str,
}

impl From<KeyKind> for Wanted<'_> {
    fn from(kind: KeyKind) -> Self {
        Self { kind, permissions: Permissions::of(kind), device: None, note: "" }
    }
}

/// Issues a key: the plain key is in the answer, and nowhere else, once.
///
/// # Errors
/// [`KeyError::NotFor`] before ownership is proved or while suspended; [`KeyError::NeedsDevice`] for a device's key without
/// a device; [`KeyError::TooMany`].
pub fn issue<'a>(
    tx: &mut Tx,
    ring: &Keyring,
    now: Timestamp,
    by: Actor,
    site: SiteId,
    wanted: impl Into<Wanted<'a>>,
) -> Result<(KeyId, PlainKey), KeyError> {
    let wanted = wanted.into();
    if (wanted.kind == KeyKind::Device) != wanted.device.is_some() {
        return Err(KeyError::NeedsDevice);
    }
    tx.alone()?;
    may_have(tx, site)?;
    let working = match wanted.device {
        Some(device) => store::count_working_of_device(tx.conn(), device, now)?,
        None => store::count_working(tx.conn(), site, wanted.kind, now)?,
    };
    if working >= MOST_WORKING {
        return Err(KeyError::TooMany);
    }
    Ok(make(tx, ring, now, by, site, &Making { wanted, requested: false, event: Event::KeyIssued })?)
}

fn may_have(tx: &mut Tx, site: SiteId) -> Result<(), KeyError> {
    let found = sites::find(tx.conn(), site)?.ok_or(KeyError::Unknown)?;
    if found.may_have_keys() { Ok(()) } else { Err(KeyError::NotFor(found.state)) }
}

struct Making<'a> {
    wanted: Wanted<'a>,
    /// The site's Moodle has asked for it by itself.
    requested: bool,
    event: Event,
}

fn make(tx: &mut Tx, ring: &Keyring, now: Timestamp, by: Actor, site: SiteId, making: &Making) -> Result<(KeyId, PlainKey), Fault> {
    let Wanted { kind, permissions, device, note } = making.wanted;
    let (id, key) = (KeyId::new(now), PlainKey::generate(kind));
    let prefix = key.shown_prefix();
    let hash = key.hash(ring);
    let new = store::NewKey { id, site, kind, permissions, device, prefix: &prefix, hash, requested: making.requested, now };
    store::insert(tx.conn(), &new)?;
    audit::note(tx, now, by, making.event, site, Some(&format!("{prefix}{note}")))?;
    tx.changed(now, Change::Key(id))?;
    Ok((id, key))
}

/// A key that is to have a successor.
#[derive(Clone, Copy, Debug)]
pub struct Rotation<'a> {
    pub key: KeyId,
    /// For how long the two work beside each other.
    pub overlap: Duration,
    /// Who asked, as the audit log has it; begins with a comma.
    pub note: &'a str,
}

/// What came of a rotation.
#[derive(Debug)]
pub struct Rotated {
    pub id: KeyId,
    pub key: PlainKey,
    /// Until then the predecessor works too.
    pub predecessor_ends_at: Timestamp,
}

/// Issues the successor of a key at once. The predecessor works for `overlap` more; with none it ends now.
///
/// # Errors
/// [`KeyError::Unknown`] when the site has no such working key, [`KeyError::HasSuccessor`] when it was rotated before,
/// [`KeyError::NotFor`] while the site gets no keys.
pub fn rotate(tx: &mut Tx, ring: &Keyring, now: Timestamp, by: Actor, site: SiteId, rotation: &Rotation) -> Result<Rotated, KeyError> {
    let Rotation { key: id, overlap, note } = *rotation;
    tx.alone()?;
    may_have(tx, site)?;
    let old = store::find(tx.conn(), site, id)?.ok_or(KeyError::Unknown)?;
    match old.state(now) {
        KeyState::Working => {}
        KeyState::Ending(_) => return Err(KeyError::HasSuccessor),
        KeyState::Expired | KeyState::Revoked => return Err(KeyError::Unknown),
    }
    let permissions = Permissions::from_stored(old.permissions);
    let note = format!(", in the place of {}{note}", old.prefix);
    let wanted = Wanted { kind: old.kind, permissions, device: old.device_id, note: &note };
    let requested = store::requested(tx.conn(), site)?.contains(&id);
    let (successor, key) = make(tx, ring, now, by, site, &Making { wanted, requested, event: Event::KeyRotated })?;
    let predecessor_ends_at = now + overlap;
    store::succeed(tx.conn(), id, successor, predecessor_ends_at)?;
    tx.changed(now, Change::Key(id))?;
    match old.device_id {
        None => end_surplus(tx, now, site, old.kind)?,
        Some(device) => {
            for id in store::ending_of_device(tx.conn(), device, now)?.into_iter().rev().skip(MOST_ENDING_OF_DEVICE) {
                store::end(tx.conn(), id, now)?;
                tx.changed(now, Change::Key(id))?;
            }
        }
    }
    Ok(Rotated { id: successor, key, predecessor_ends_at })
}

/// Who rotates again and again piles up keys that end by themselves: those that end first end now.
fn end_surplus(tx: &mut Tx, now: Timestamp, site: SiteId, kind: KeyKind) -> Result<(), KeyError> {
    let mut ending = store::ending(tx.conn(), site, kind, now)?.into_iter();
    while store::count_working(tx.conn(), site, kind, now)? > MOST_WORKING {
        let Some(id) = ending.next() else { return Err(KeyError::TooMany) };
        store::end(tx.conn(), id, now)?;
        tx.changed(now, Change::Key(id))?;
    }
    Ok(())
}

/// Issues a key to a site's Moodle that asks for one. The one it had asked for before goes on working for `overlap`, so
/// that nobody loses a push who asks twice: Moodle keeps whichever answer comes last.
///
/// # Errors
/// [`KeyError::NotFor`] while the site is held or suspended.
pub fn issue_requested(
    tx: &mut Tx,
    ring: &Keyring,
    now: Timestamp,
    site: SiteId,
    overlap: Duration,
) -> Result<(KeyId, PlainKey), KeyError> {
    tx.alone()?;
    may_have(tx, site)?;
    let before = store::requested(tx.conn(), site)?;
    let wanted = Wanted { note: ", asked for by its Moodle", ..KeyKind::Site.into() };
    let made = make(tx, ring, now, Actor::Hub, site, &Making { wanted, requested: true, event: Event::KeyIssued })?;
    for id in before {
        store::succeed(tx.conn(), id, made.0, now + overlap)?;
        tx.changed(now, Change::Key(id))?;
    }
    end_surplus(tx, now, site, KeyKind::Site)?;
    Ok(made)
}

/// Revokes a key: within a second no node takes it any more. `why`: for the audit log.
///
/// # Errors
/// [`KeyError::Unknown`] when the site has no such working key.
pub fn revoke(tx: &mut Tx, now: Timestamp, by: Actor, site: SiteId, id: KeyId, why: &str) -> Result<(), KeyError> {
    tx.alone()?;
    let key = store::find(tx.conn(), site, id)?.ok_or(KeyError::Unknown)?;
    if !store::revoke(tx.conn(), site, id, now)? {
        return Err(KeyError::Unknown);
    }
    let why = if why.is_empty() { key.prefix } else { format!("{}: {why}", key.prefix) };
    audit::note(tx, now, by, Event::KeyRevoked, site, Some(&why))?;
    Ok(tx.changed(now, Change::Key(id))?)
}

/// Revokes every working key of a site that leaves the hub. The site's own entry in the audit log tells of it.
///
/// # Errors
/// When it can't be written.
pub fn revoke_all(tx: &mut Tx, now: Timestamp, site: SiteId) -> Result<(), Fault> {
    for id in store::working(tx.conn(), site)? {
        store::revoke(tx.conn(), site, id, now)?;
        tx.changed(now, Change::Key(id))?;
    }
    Ok(())
}

/// Revokes the keys of devices that are gone.
///
/// # Errors
/// When it can't be written.
pub fn revoke_of_devices(tx: &mut Tx, now: Timestamp, devices: &[DeviceId]) -> Result<(), Fault> {
    for (site, id) in store::working_of_devices(tx.conn(), devices)? {
        store::revoke(tx.conn(), site, id, now)?;
        tx.changed(now, Change::Key(id))?;
    }
    Ok(())
}

/// The key that an operator means: by itself, or by its id.
///
/// # Errors
/// When the database does not answer.
pub fn locate(conn: &mut Conn, ring: &Keyring, text: &str) -> Result<Option<AccessKey>, Fault> {
    match (text.parse(), KeyHash::of_presented(ring, text)) {
        (Ok(id), _) => store::by_id(conn, id),
        (Err(_), Some(hash)) => store::by_hash(conn, &hash),
        (Err(_), None) => Ok(None),
    }
}

/// Revokes a key that somebody has found where it should not be. Gives it, if it was one of this hub's that still worked.
///
/// # Errors
/// When it can't be written.
pub(super) fn revoke_leaked(tx: &mut Tx, ring: &Keyring, now: Timestamp, presented: &str) -> Result<Option<AccessKey>, Fault> {
    // What is none of this hub's keys waits for nobody.
    let Some(hash) = KeyHash::of_presented(ring, presented) else { return Ok(None) };
    if store::by_hash(tx.conn(), &hash)?.is_none() {
        return Ok(None);
    }
    tx.alone()?;
    let Some(key) = store::by_hash(tx.conn(), &hash)? else { return Ok(None) };
    if !matches!(key.state(now), KeyState::Working | KeyState::Ending(_)) || !store::revoke(tx.conn(), key.site_id, key.id, now)? {
        return Ok(None);
    }
    audit::note(tx, now, Actor::Hub, Event::KeyRevoked, key.site_id, Some(&format!("{}, reported as leaked", key.prefix)))?;
    tx.changed(now, Change::Key(key.id))?;
    Ok(Some(key))
}
