//! What happens to a key. Each act runs in its caller's transaction.

use std::time::Duration;

use super::{KeyKind, PlainKey, store};
use crate::audit::{self, Actor, Event};
use crate::clock::Timestamp;
use crate::db::{Change, Fault, Tx};
use crate::error::Error;
use crate::ids::{KeyId, SiteId};
use crate::secret::Keyring;
use crate::sites::{self, SiteState};

/// How many working keys of one kind a site may have: rotation needs two.
const MOST_WORKING: i64 = 10;

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
    #[error("a key for one device needs that device")]
    NeedsDevice,
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
            KeyError::NeedsDevice => Self::field("kind", "Choose site or devices."),
        }
    }
}

/// Issues a key: the plain key is in the answer, and nowhere else, once.
///
/// # Errors
/// [`KeyError::NotFor`] before ownership is proved or while suspended.
pub fn issue(tx: &mut Tx, ring: &Keyring, now: Timestamp, by: Actor, site: SiteId, kind: KeyKind) -> Result<(KeyId, PlainKey), KeyError> {
    if kind == KeyKind::Device {
        return Err(KeyError::NeedsDevice);
    }
    tx.alone()?;
    let found = sites::find(tx.conn(), site)?.ok_or(KeyError::Unknown)?;
    if !found.may_have_keys() {
        return Err(KeyError::NotFor(found.state));
    }
    if store::count_working(tx.conn(), site, kind, now)? >= MOST_WORKING {
        return Err(KeyError::TooMany);
    }
    Ok(make(tx, ring, now, by, site, kind, false)?)
}

fn make(
    tx: &mut Tx,
    ring: &Keyring,
    now: Timestamp,
    by: Actor,
    site: SiteId,
    kind: KeyKind,
    requested: bool,
) -> Result<(KeyId, PlainKey), Fault> {
    let key = PlainKey::generate(kind);
    let id = KeyId::new(now);
    store::insert(tx.conn(), &store::NewKey { id, site, kind, prefix: &key.shown_prefix(), hash: key.hash(ring), requested, now })?;
    let by_itself = if requested { ", asked for by its Moodle" } else { "" };
    audit::note(tx, now, by, Event::KeyIssued, site, Some(&format!("{}{by_itself}", key.shown_prefix())))?;
    tx.changed(now, Change::Key(id))?;
    Ok((id, key))
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
    let found = sites::find(tx.conn(), site)?.ok_or(KeyError::Unknown)?;
    if !found.may_have_keys() {
        return Err(KeyError::NotFor(found.state));
    }
    let before = store::requested(tx.conn(), site)?;
    let made = make(tx, ring, now, Actor::Hub, site, KeyKind::Site, true)?;
    for id in before {
        store::succeed(tx.conn(), id, made.0, now + overlap)?;
        tx.changed(now, Change::Key(id))?;
    }
    // Who asks again and again piles up keys that end by themselves: those that end first end now.
    let mut ending = store::ending(tx.conn(), site, KeyKind::Site, now)?.into_iter();
    while store::count_working(tx.conn(), site, KeyKind::Site, now)? > MOST_WORKING {
        let Some(id) = ending.next() else { return Err(KeyError::TooMany) };
        store::end(tx.conn(), id, now)?;
        tx.changed(now, Change::Key(id))?;
    }
    Ok(made)
}

/// Revokes a key: within a second no node takes it any more.
///
/// # Errors
/// [`KeyError::Unknown`] when the site has no such working key.
pub fn revoke(tx: &mut Tx, now: Timestamp, by: Actor, site: SiteId, id: KeyId) -> Result<(), KeyError> {
    tx.alone()?;
    if !store::revoke(tx.conn(), site, id, now)? {
        return Err(KeyError::Unknown);
    }
    audit::note(tx, now, by, Event::KeyRevoked, site, Some(&id.to_string()))?;
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
