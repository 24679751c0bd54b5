//! What happens to a broadcast. Each act runs in its caller's transaction.

use super::{Broadcast, BroadcastState, Draft, store};
use crate::audit::{self, Actor, Event};
use crate::clock::Timestamp;
use crate::db::{Fault, Tx};
use crate::devices::{self, AppName};
use crate::error::Error;
use crate::ids::{BroadcastId, SiteId};
use crate::secret::Keyring;
use crate::sites;

/// How many broadcasts of one site may be on their way at once.
const MOST_OPEN: i64 = 5;

/// Why an act on a broadcast did not happen.
#[derive(Debug, thiserror::Error)]
pub enum BroadcastError {
    /// No such site, or no such broadcast of it.
    #[error("no such broadcast")]
    Unknown,
    #[error("{MOST_OPEN} broadcasts of this site are not over yet")]
    TooMany,
    /// It has ended already.
    #[error("the broadcast is over")]
    Over,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<BroadcastError> for Error {
    fn from(error: BroadcastError) -> Self {
        match error {
            BroadcastError::Unknown => Self::NotFound,
            BroadcastError::TooMany => {
                Self::Conflict(format!("{MOST_OPEN} broadcasts of this site are not over yet. Wait until one of them is, or cancel one."))
            }
            BroadcastError::Over => Self::Conflict("This broadcast is over already.".into()),
            BroadcastError::Fault(fault) => fault.into(),
        }
    }
}

/// A broadcast that somebody wants.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub site: SiteId,
    pub app: &'a AppName,
    pub draft: &'a Draft,
    /// Who asked, as the audit log has it at the end; begins with a comma.
    pub note: &'a str,
}

/// Starts a broadcast to the devices that a site has now; with none of them it is done at once.
///
/// # Errors
/// [`BroadcastError::Unknown`] when there is no such site; [`BroadcastError::TooMany`].
pub fn start(tx: &mut Tx, ring: &Keyring, now: Timestamp, by: Actor, wanted: &Wanted) -> Result<BroadcastId, BroadcastError> {
    let Wanted { site, app, draft, note } = *wanted;
    tx.alone()?;
    sites::find(tx.conn(), site)?.ok_or(BroadcastError::Unknown)?;
    if store::count_open(tx.conn(), site)? >= MOST_OPEN {
        return Err(BroadcastError::TooMany);
    }
    let id = BroadcastId::new(now);
    let mut new = Broadcast {
        id,
        site_id: site,
        state: BroadcastState::Waiting,
        app: app.as_str().to_owned(),
        channel: draft.channel.clone(),
        platform: draft.platform.clone(),
        total: 0,
        sent: 0,
        refused: 0,
        begun: 0,
        created_at: now,
        started_at: None,
        ended_at: None,
        why: None,
    };
    new.total = devices::count_listed(tx.conn(), site, &new.devices())?;
    let total = new.total;
    if total == 0 {
        new = Broadcast { state: BroadcastState::Done, started_at: Some(now), ended_at: Some(now), ..new };
        store::insert(tx.conn(), &new, None)?;
    } else {
        store::insert(tx.conn(), &new, Some(ring.seal(&draft.body)))?;
    }
    audit::note(tx, now, by, Event::BroadcastStarted, site, Some(&format!("{id}, to {total} devices of {}{note}", new.app)))?;
    Ok(id)
}

/// Cancels a broadcast: what is on its way arrives, and nothing more is handed over, on whichever node.
///
/// # Errors
/// [`BroadcastError::Unknown`] when the site has no such broadcast; [`BroadcastError::Over`].
pub fn cancel(tx: &mut Tx, now: Timestamp, by: Actor, site: SiteId, id: BroadcastId) -> Result<(), BroadcastError> {
    tx.alone()?;
    if !store::cancel(tx.conn(), site, id, now)? {
        store::find(tx.conn(), site, id)?.ok_or(BroadcastError::Unknown)?;
        return Err(BroadcastError::Over);
    }
    Ok(audit::note(tx, now, by, Event::BroadcastCancelled, site, Some(&id.to_string()))?)
}
