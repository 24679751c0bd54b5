//! Slowing a site down for a while. A brake lowers what else holds for it, never raises it, and counts until a moment that
//! every node knows: it ends by the clock, even if nobody is there to take it away. Nobody is mailed here: the caller tells.

mod store;

use serde_json::{Value, json};

use super::life::keep;
use super::model::{Site, SiteError};
use super::store::find;
use crate::audit::{self, Actor, Event, Reason};
use crate::clock::Timestamp;
use crate::db::{Change, Tx};
use crate::ids::{CaseId, SiteId};
pub use store::{brake_of, brakes_now, ended_brakes};

/// How slow a site is for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brake {
    pub push_per_second: u32,
    pub push_per_day: u64,
    pub enrol_per_second: u32,
    pub until: Timestamp,
    pub case: Option<CaseId>,
    /// Put on by the hub itself, not by a person.
    pub automatic: bool,
}

impl Brake {
    /// Whether it counts now.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }

    fn noted(brake: Option<&Self>) -> Value {
        brake.map_or(Value::Null, |brake| {
            json!({
                "push_per_second": brake.push_per_second,
                "push_per_day": brake.push_per_day,
                "enrol_per_second": brake.enrol_per_second,
                "until": brake.until.readable(),
                "automatic": brake.automatic,
            })
        })
    }
}

/// Slows a site down, or changes how slow it is and for how long. Within a second every node holds it to that.
///
/// # Errors
/// [`SiteError::Unknown`] when there is no such site.
pub fn brake(tx: &mut Tx, now: Timestamp, by: Actor, site: SiteId, brake: &Brake, reason: Option<&Reason>) -> Result<(), SiteError> {
    tx.alone()?;
    find(tx.conn(), site)?.ok_or(SiteError::Unknown)?;
    let before = brake_of(tx.conn(), site)?;
    if before.as_ref() == Some(brake) {
        return Ok(());
    }
    store::put(tx.conn(), site, brake, now)?;
    let change = audit::Change::of("brake", Brake::noted(before.as_ref()), Brake::noted(Some(brake)));
    audit::note_change(tx, now, by, Event::BrakeSet, site, reason.map(Reason::as_str), change)?;
    Ok(tx.changed(now, Change::Site(site))?)
}

/// Lets a site go again, before its time or when that is over. `false`: nothing held it.
///
/// # Errors
/// When it can't be written.
pub fn release(tx: &mut Tx, now: Timestamp, by: Actor, site: SiteId, reason: Option<&str>) -> Result<bool, SiteError> {
    tx.alone()?;
    let Some(before) = brake_of(tx.conn(), site)? else { return Ok(false) };
    store::remove(tx.conn(), site)?;
    let change = audit::Change::of("brake", Brake::noted(Some(&before)), Brake::noted(None));
    audit::note_change(tx, now, by, Event::BrakeEnded, site, reason, change)?;
    tx.changed(now, Change::Site(site))?;
    Ok(true)
}

/// Switches a site's push off whatever its owner wants, or leaves it to the owner again.
///
/// # Errors
/// [`SiteError::Unknown`] when there is no such site.
pub fn stop_push(tx: &mut Tx, now: Timestamp, by: Actor, site: SiteId, stopped: bool, reason: &Reason) -> Result<(), SiteError> {
    tx.alone()?;
    let before = find(tx.conn(), site)?.ok_or(SiteError::Unknown)?;
    if before.push_stopped == stopped {
        return Ok(());
    }
    keep(tx, now, &Site { push_stopped: stopped, ..before })?;
    let event = if stopped { Event::PushOff } else { Event::PushOn };
    let change = audit::Change::of("push_stopped", !stopped, stopped);
    Ok(audit::note_change(tx, now, by, event, site, Some(reason.as_str()), change)?)
}
